//! The words that every room shares: ids, money, tokens, time, facts. No I/O here.

pub mod belief;
pub mod clock;
pub(crate) mod closed;
pub mod dialect;
pub mod facts;
pub mod ids;
pub mod kind;
pub mod money;
pub mod need;
pub mod outlook;
pub mod path_glob;
pub mod secret;
pub mod setting;
pub mod share;
pub mod sign;
pub mod tokens;
pub mod weights;
pub mod wire;
