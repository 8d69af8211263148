//! A client that sends what no library would.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::PATIENCE;

pub(crate) struct Wire(pub(crate) TcpStream);

impl Wire {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.expect("a connection"))
    }

    pub(crate) async fn send(&mut self, text: impl AsRef<[u8]>) {
        // The other side may have closed already, which is for the test to find out by reading.
        let _ = self.0.write_all(text.as_ref()).await;
    }

    /// Everything until the other side closes.
    pub(crate) async fn rest(mut self) -> String {
        let mut read = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut read)).await;
        assert!(
            ended.is_ok(),
            "not closed: {}",
            String::from_utf8_lossy(&read)
        );
        String::from_utf8_lossy(&read).into_owned()
    }

    /// How many bytes are still there to be read, whether the other side closes or resets.
    pub(crate) async fn count(mut self) -> usize {
        let mut read = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut read)).await;
        assert!(ended.is_ok(), "not closed after {} bytes", read.len());
        read.len()
    }

    /// Reads until this text has come.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        let mut read = Vec::new();
        loop {
            let seen = String::from_utf8_lossy(&read).into_owned();
            if seen.contains(text) {
                return seen;
            }
            let more = tokio::time::timeout(PATIENCE, self.0.read_buf(&mut read)).await;
            assert!(
                more.is_ok_and(|n| n.is_ok_and(|n| n > 0)),
                "{text:?} did not come: {seen}"
            );
        }
    }
}

/// One exchange on a connection of its own.
pub(crate) async fn say(address: SocketAddr, text: impl AsRef<[u8]>) -> String {
    let mut wire = Wire::to(address).await;
    wire.send(text).await;
    wire.rest().await
}

/// The status of an answer that was read as text.
pub(crate) fn status(answer: &str) -> u16 {
    let line = answer.strip_prefix("HTTP/1.1 ").unwrap_or_default();
    line.get(..3)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0)
}
