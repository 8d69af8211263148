//! The middle and its readers and writers together: what is written is read back the same, and each pair says what a person has read
//! and found right.

mod clients;
mod dice;
mod golden;
mod identity;
mod make;
mod said;
