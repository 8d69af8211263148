//! The real binary as a process of its own: how it starts, stops, is killed, runs out of disk, and what its commands say.
//!
//! Nothing here waits for a time to pass: conditions are polled, and a deadline ends what never comes.

mod books;
mod caller;
mod classifier;
mod commands;
mod crash;
mod disk;
mod explain;
mod probe;
mod rig;
mod simulate;
mod start;
mod stop;
