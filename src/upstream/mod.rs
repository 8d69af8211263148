//! The way to targets: connections, health, retry budgets, the share of a rented GPU.

pub mod client;
pub mod error;
pub mod gauge;
pub mod health;
pub mod load;
pub mod manner;
pub mod pace;
pub mod probe;
pub mod retry;
pub mod survey;
pub mod worth;
