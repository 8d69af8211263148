//! What can answer and what it costs: targets, models, dated prices, and the one function that turns usage into money.

mod cost;
mod kept;
mod models;
mod nearest;
mod price;
mod target;
#[cfg(test)]
mod tests;

pub use cost::{Billed, CostTooLarge, Served, Tariff};
pub use kept::{Kept, Places};
pub use models::{Billing, Catalog, Model};
pub use nearest::nearest;
pub use price::{CacheRule, Charge, Hours, Price, PriceSheet, Rates, Tier, Token};
pub use target::{Rent, Target, Timeouts};
