//! The layers of the stack, one file each, in the order in which a call meets them. They carry; others decide.

pub mod admit;
pub mod authenticate;
pub mod classify;
pub mod count;
pub mod decide;
pub mod dispatch;
pub mod failover;
mod inspect;
mod joined;
mod keeping;
mod kept;
pub mod later;
pub mod local;
pub mod meter;
pub mod parse;
pub mod recall;
pub mod reserve;
pub mod respond;
pub mod supersede;

mod bill;
mod collect;
mod deadlines;
mod refused;
mod relay;
mod translate;
mod whole;

use crate::stages::Waiting;
