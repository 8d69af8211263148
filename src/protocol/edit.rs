//! Changes to a body in place: what is not changed leaves as the bytes that came in.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::scan::Span;

/// A piece of the body and what stands there instead. An empty piece is a place to insert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced.
    pub place: Span,
    /// By what.
    pub with: Bytes,
}

/// A body in pieces, of a known length.
#[derive(Clone, Debug, Default)]
pub struct Pieces {
    list: VecDeque<Bytes>,
    left: u64,
}

impl Pieces {
    /// The body with its edits, which must not overlap.
    pub fn new(body: &Bytes, mut edits: Vec<Edit>) -> Self {
        edits.sort_by_key(|edit| edit.place.start);
        let mut pieces = Self::default();
        let mut from = 0;
        for edit in edits {
            pieces.push(body.slice(from..edit.place.start));
            from = edit.place.end;
            pieces.push(edit.with);
        }
        pieces.push(body.slice(from..));
        pieces
    }

    fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.left += piece.len() as u64;
            self.list.push_back(piece);
        }
    }

    /// All pieces in one.
    pub fn concat(self) -> Bytes {
        self.list.into_iter().flatten().collect()
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.list.pop_front();
        self.left -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.list.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_edited_changes() {
        let body = Bytes::from_static(b"0123456789");
        let edit = |place: Span, with: &'static str| Edit {
            place,
            with: Bytes::from_static(with.as_bytes()),
        };

        let pieces = Pieces::new(
            &body,
            vec![edit(9..10, "end"), edit(2..4, "xyz"), edit(0..0, ">")],
        );

        assert_eq!(pieces.size_hint().exact(), Some(14));
        assert_eq!(pieces.concat(), ">01xyz45678end");
    }
}
