//! A whole gateway behind a real socket, real clients before it and simulated targets behind it, which keep a bill of
//! their own. Every test that spends ends with `close`, which holds the ledger against those bills.

mod admin;
mod background;
mod bad_input;
mod books;
mod calls;
mod classify;
mod connections;
mod conversations;
mod counts;
mod doors;
mod durability;
mod failover;
mod health;
mod keys;
mod kinds;
mod lengths;
mod life;
mod matrix;
mod policies;
mod regression;
mod repair;
mod rig;
mod stored;
mod streams;
mod stub;
mod switch;
mod translate;
mod typing;
mod usage;
mod wire;
