//! Server-sent events: cuts a byte stream into whole events, wherever the network cut it.
//!
//! An event leaves as the bytes that came in. While events arrive whole, nothing is copied.

use bytes::{Bytes, BytesMut};

/// The longest event that is kept while it is incomplete.
pub const LONGEST: usize = 4 << 20;

/// One event, its closing blank line included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The bytes as they came.
    pub raw: Bytes,
    /// What stands after `data:`; several lines are joined by line feeds. `None` for a comment or a bare event.
    pub data: Option<Bytes>,
}

/// An event grew beyond [`LONGEST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Cuts chunks into events.
#[derive(Debug, Default)]
pub struct Splitter {
    /// What has come of an event that is not whole yet.
    held: BytesMut,
    /// How far `held` has been searched for the end.
    searched: usize,
}

impl Splitter {
    /// Takes a chunk and hands every event that is whole now to `each`.
    pub fn push(&mut self, chunk: Bytes, mut each: impl FnMut(Event)) -> Result<(), TooLong> {
        let mut rest = match self.held.is_empty() {
            true => chunk,
            false => {
                self.held.extend_from_slice(&chunk);
                std::mem::take(&mut self.held).freeze()
            }
        };
        let mut from = std::mem::take(&mut self.searched);
        while let Some(end) = end_of_event(&rest, from) {
            let raw = rest.split_to(end);
            let data = data(&raw);
            each(Event { raw, data });
            from = 0;
        }
        if rest.len() > LONGEST {
            return Err(TooLong);
        }
        // The last bytes are searched again: a blank line may be cut in two.
        self.searched = rest.len().saturating_sub(3);
        self.held = rest
            .try_into_mut()
            .unwrap_or_else(|shared| BytesMut::from(shared.as_ref()));
        Ok(())
    }
}

/// Where the first event ends: behind a blank line, in any of the three ways to end a line.
fn end_of_event(bytes: &[u8], from: usize) -> Option<usize> {
    memchr::memchr2_iter(b'\n', b'\r', &bytes[from..])
        .map(|at| at + from)
        .find_map(|at| {
            let tail = &bytes[at..];
            match tail {
                [b'\n', b'\n', ..] | [b'\r', b'\r', ..] => Some(at + 2),
                [b'\n', b'\r', b'\n', ..] => Some(at + 3),
                _ => None,
            }
        })
}

fn data(event: &Bytes) -> Option<Bytes> {
    let mut found: Option<Bytes> = None;
    let mut start = 0;
    while start < event.len() {
        let length = memchr::memchr2(b'\n', b'\r', &event[start..]).unwrap_or(event.len() - start);
        if let Some(value) = event[start..start + length].strip_prefix(b"data:") {
            let value = event.slice_ref(value.strip_prefix(b" ").unwrap_or(value));
            found = Some(match found {
                None => value,
                Some(before) => [&before[..], b"\n", &value[..]].concat().into(),
            });
        }
        start += length + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(chunks: &[&[u8]]) -> Vec<(Bytes, Option<Bytes>)> {
        let mut splitter = Splitter::default();
        let mut found = Vec::new();
        for chunk in chunks {
            splitter
                .push(Bytes::copy_from_slice(chunk), |event| {
                    found.push((event.raw, event.data))
                })
                .expect("short events");
        }
        found
    }

    #[test]
    fn all_ways_to_end_a_line_are_known() {
        let found =
            events(&[b"data: a\n\nevent: x\r\ndata:b\r\n\r\ndata: c\rdata: d\r\r: ping\n\n"]);

        let data: Vec<_> = found.iter().map(|(_, data)| data.as_deref()).collect();
        assert_eq!(data, [Some(&b"a"[..]), Some(b"b"), Some(b"c\nd"), None]);
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut splitter = Splitter::default();

        assert_eq!(
            splitter.push(vec![b'x'; LONGEST + 1].into(), |_| ()),
            Err(TooLong)
        );
    }

    proptest! {
        #[test]
        fn cutting_anywhere_makes_no_difference(
            text in "((event: e\n)?data: [a-z]{0,5}(\n\n|\r\n\r\n)|: c\n\n){1,6}",
            cuts in proptest::collection::vec(0usize..64, 0..6),
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();

            let data = |found: Vec<(Bytes, Option<Bytes>)>| found.into_iter().map(|(_, d)| d).collect::<Vec<_>>();
            let whole: Vec<u8> = events(&pieces).iter().flat_map(|(raw, _)| raw.to_vec()).collect();
            prop_assert_eq!(&whole[..], bytes);
            prop_assert_eq!(data(events(&pieces)), data(events(&[bytes])));
        }
    }
}
