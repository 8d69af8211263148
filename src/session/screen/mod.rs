//! What a request's text gives away: secrets, and the files that it names. Pure.
//!
//! Nothing here keeps or shows a value: what is found is said by kind and place.

mod anchors;
mod assigned;
mod hash;
pub mod kinds;
pub mod paths;
mod rules;
pub mod secrets;
mod shapes;
#[cfg(test)]
mod tests;
mod text;
pub mod verdicts;
mod window;
mod worth;
