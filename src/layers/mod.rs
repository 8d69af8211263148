//! The layers of the stack, one file each, in the order in which a call meets them. They carry; others decide.

pub mod admit;
pub mod authenticate;
pub mod classify;
pub mod decide;
pub mod dispatch;
pub mod failover;
pub mod local;
pub mod meter;
pub mod parse;
pub mod recall;
pub mod reserve;
pub mod respond;

mod bill;
mod relay;

use std::future::Future;
use std::pin::Pin;

/// The future of a layer that truly waits.
pub type Waiting<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;
