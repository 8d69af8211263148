//! The weights as they lie in the file, and how they become tensors.

use std::collections::HashMap;

use candle_core::safetensors::SliceSafetensors;
use candle_core::{DType, Device, Tensor};

use super::ArtifactError;
use crate::classifier::net::Shape;

/// Reads the tensors, each of which must be as the shape has it. They stay of the size that they are stored in.
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
        let tensor = Tensor::from_raw_buffer(view.data(), kind, &dims, &Device::Cpu);
        tensors.insert(name, tensor.map_err(broken)?);
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
