//! What a request's text gives away: secrets, and the files that it names. Pure.
//!
//! Nothing here keeps or shows a value: what is found is said by kind and place.

mod anchors;
mod assigned;
pub mod kinds;
mod rules;
pub mod secrets;
mod shapes;
#[cfg(test)]
mod tests;
mod text;
mod worth;
