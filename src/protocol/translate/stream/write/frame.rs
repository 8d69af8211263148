//! One event of a stream, as bytes.

use bytes::{BufMut, BytesMut};
use serde::Serialize;

/// Writes an event: its name, where the dialect has names, and its data.
pub(super) fn frame(out: &mut BytesMut, name: Option<&str>, data: &impl Serialize) {
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\n");
    }
    out.extend_from_slice(b"data: ");
    let from = out.len();
    serde_json::to_writer((&mut *out).writer(), data).expect("texts and numbers are always JSON");
    // JSON that is carried as it came may be laid out in lines. Within texts they are escaped.
    for byte in &mut out[from..] {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    out.extend_from_slice(b"\n\n");
}

/// Writes a comment: it keeps the connection alive and says nothing.
pub(super) fn comment(out: &mut BytesMut) {
    out.extend_from_slice(b": \n\n");
}
