//! The weights as they lie in the file, and how they become tensors.

use std::collections::HashMap;

use candle_core::safetensors::SliceSafetensors;
use candle_core::{DType, Device, Tensor};

use super::ArtifactError;
use crate::classifier::net::Shape;

/// Reads the tensors, each of which must be as the shape has it. They come out as `f32`.
pub(super) fn read(
    file: &str,
    bytes: &[u8],
    shape: &Shape,
) -> Result<HashMap<String, Tensor>, ArtifactError> {
    let wrong = |what: String| ArtifactError::tensors(file, what);
    let broken = |error: candle_core::Error| ArtifactError::tensors(file, error);
    let stored = SliceSafetensors::new(bytes).map_err(broken)?;
    let wanted = shape.tensors();
    for (name, _) in stored.tensors() {
        if !wanted.iter().any(|(known, _)| *known == name) {
            return Err(wrong(format!("{name:?} is no tensor of this net")));
        }
    }
    let mut tensors = HashMap::with_capacity(wanted.len());
    for (name, dims) in wanted {
        let view = stored.get(&name);
        let view = view.map_err(|_| wrong(format!("the tensor {name} is missing")))?;
        let kind = DType::try_from(view.dtype()).map_err(broken)?;
        if !matches!(kind, DType::F16 | DType::F32) {
            return Err(wrong(format!(
                "the tensor {name} is of the kind {}, not f16 or f32",
                kind.as_str()
            )));
        }
        if view.shape() != dims {
            let found = view.shape();
            return Err(wrong(format!(
                "the tensor {name} has the dimensions {found:?}, not {dims:?}"
            )));
        }
        if !is_finite(view.data(), kind) {
            return Err(wrong(format!(
                "the tensor {name} holds what is no finite number"
            )));
        }
        let numbers = numbers(view.data(), kind);
        let tensor = Tensor::from_vec(numbers, dims, &Device::Cpu).map_err(broken)?;
        tensors.insert(name, tensor);
    }
    Ok(tensors)
}

/// Whether no number has all bits of its exponent set. Looks at the bytes as they lie in the file: that is many times
/// quicker than to make numbers of them first.
pub(super) fn is_finite(bytes: &[u8], kind: DType) -> bool {
    // Not `all`, which stops at each number: this way whole rows are looked at in one step.
    let odd = if kind == DType::F16 {
        let halves = bytes.as_chunks::<2>().0.iter().copied();
        let halves = halves.map(u16::from_le_bytes);
        halves.fold(false, |odd, it| odd | (it & 0x7c00 == 0x7c00))
    } else {
        let numbers = bytes.as_chunks::<4>().0.iter().copied();
        let numbers = numbers.map(u32::from_le_bytes);
        numbers.fold(false, |odd, it| odd | (it & 0x7f80_0000 == 0x7f80_0000))
    };
    !odd
}

/// The numbers of a tensor. Those of half size are widened here, in one pass: the library's way takes several times as long,
/// and the gateway waits for it when it starts.
pub(super) fn numbers(bytes: &[u8], kind: DType) -> Vec<f32> {
    if kind == DType::F16 {
        let halves = bytes.as_chunks::<2>().0.iter().copied();
        halves.map(|it| widened(u16::from_le_bytes(it))).collect()
    } else {
        let numbers = bytes.as_chunks::<4>().0.iter().copied();
        numbers.map(f32::from_le_bytes).collect()
    }
}

/// A finite half as the same number in full size.
fn widened(half: u16) -> f32 {
    // What the exponents of the two sizes count from differs by this much.
    const SHIFT: u32 = (127 - 15) << 23;
    const SMALLEST: f32 = f32::from_bits(SHIFT + (1 << 23));
    let magnitude = (u32::from(half & 0x7fff) << 13) + SHIFT;
    let number = if half & 0x7c00 == 0 {
        // Below the smallest exponent there is no leading one: it is added and taken away again.
        (f32::from_bits(magnitude + (1 << 23)) - SMALLEST).to_bits()
    } else {
        magnitude
    };
    f32::from_bits(number | (u32::from(half & 0x8000) << 16))
}
