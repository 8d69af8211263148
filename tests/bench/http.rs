//! Just enough HTTP/1.1, by hand, so that the load costs little: heads, bodies with a length, bodies in chunks.

use std::io;

use bytes::{Buf, BytesMut};
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const READ: usize = 64 << 10;

/// A connection, and what was read of it and not yet used.
pub(crate) struct Wire {
    socket: TcpStream,
    buffer: BytesMut,
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
}

/// The head of a request or an answer.
#[derive(Debug)]
pub(crate) struct Head {
    /// The first line.
    pub(crate) first: String,
    pub(crate) framing: Framing,
    /// The sender closes after this.
    pub(crate) closes: bool,
}

impl Head {
    /// The status, where this is an answer's.
    pub(crate) fn status(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }
}

impl Wire {
    pub(crate) fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            buffer: BytesMut::with_capacity(READ),
        })
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes).await
    }

    /// Reads more; false at the end.
    async fn fill(&mut self) -> io::Result<bool> {
        self.buffer.reserve(READ);
        Ok(self.socket.read_buf(&mut self.buffer).await? > 0)
    }

    async fn must_fill(&mut self) -> io::Result<()> {
        if self.fill().await? {
            Ok(())
        } else {
            Err(broken("cut in the middle of a message"))
        }
    }

    /// The next head; none where the other side closed in between.
    pub(crate) async fn head(&mut self) -> io::Result<Option<Head>> {
        let end = loop {
            if let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            if !self.fill().await? {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(broken("cut in the middle of a head"))
                };
            }
        };
        let text = self.buffer.split_to(end + 4);
        head(&String::from_utf8_lossy(&text)).map(Some)
    }

    /// Reads a body and hands on each piece as it comes.
    pub(crate) async fn body(
        &mut self,
        framing: Framing,
        mut each: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        match framing {
            Framing::Length(length) => self.pass(length, &mut each).await,
            Framing::Chunked => loop {
                let size = self.chunk_size().await?;
                self.pass(size, &mut each).await?;
                // The line end after a chunk, and after the empty last one; trailers are not expected.
                self.pass(2, &mut |_: &[u8]| ()).await?;
                if size == 0 {
                    return Ok(());
                }
            },
        }
    }

    async fn pass(&mut self, mut left: u64, each: &mut impl FnMut(&[u8])) -> io::Result<()> {
        while left > 0 {
            if self.buffer.is_empty() {
                self.must_fill().await?;
            }
            let here =
                usize::try_from(left).map_or(self.buffer.len(), |n| n.min(self.buffer.len()));
            each(&self.buffer[..here]);
            self.buffer.advance(here);
            left -= here as u64;
        }
        Ok(())
    }

    async fn chunk_size(&mut self) -> io::Result<u64> {
        let end = loop {
            if let Some(end) = memmem::find(&self.buffer, b"\r\n") {
                break end;
            }
            self.must_fill().await?;
        };
        let line = self.buffer.split_to(end + 2);
        std::str::from_utf8(&line)
            .ok()
            .and_then(|line| u64::from_str_radix(line.trim(), 16).ok())
            .ok_or_else(|| broken("not the size of a chunk"))
    }
}

fn head(text: &str) -> io::Result<Head> {
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default().to_owned();
    let mut framing = Framing::Length(0);
    let mut closes = false;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            let length = value.parse().map_err(|_| broken("not a length"))?;
            framing = Framing::Length(length);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            framing = Framing::Chunked;
        } else if name.eq_ignore_ascii_case("connection") {
            closes = value.eq_ignore_ascii_case("close");
        }
    }
    Ok(Head {
        first,
        framing,
        closes,
    })
}

fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
