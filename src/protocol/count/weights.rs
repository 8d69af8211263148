//! How many tokens of another table there are for one of ours, for each [kind](super::pieces) of those.
//!
//! Fitted by least squares to 5 MB of code and what goes with it, as coding tools send that (files of Rust, Python, JavaScript, C and
//! a score of other languages, with and without numbers of lines; finds, lists of files, logs, diffs; instructions and tools),
//! counted by the true tables. How close they come on code of other projects is told in the README.

use super::pieces::KINDS;

/// Of the table that is ours.
pub(super) const SAME: [f32; KINDS] = [1.0; KINDS];

/// Qwen 2 to 3, by the table that Qwen3 is published with.
pub(super) const QWEN: [f32; KINDS] = [
    0.98, 0.96, 0.96, 1.12, 0.98, 1.02, 1.05, 1.15, 0.99, 0.93, 0.94, 0.99, 0.97, 0.98, 0.97, 1.16,
    1.02, 0.95, 1.01, 0.94, 0.93, 1.08, 0.94, 0.92, 1.02, 1.98, 2.99, 1.00, 1.05, 1.04, 0.97, 0.96,
    1.00, 1.02, 0.97, 1.06, 0.94, 1.03, 1.22,
];

/// Qwen from 3.5 on, by the table that Qwen3.6 is published with.
pub(super) const QWEN_3_5: [f32; KINDS] = [
    0.97, 0.94, 0.97, 1.11, 0.98, 1.03, 1.02, 1.04, 0.98, 0.95, 0.95, 1.00, 0.99, 1.00, 0.95, 1.16,
    1.04, 0.96, 0.98, 1.06, 0.96, 1.10, 0.93, 0.91, 1.02, 1.98, 2.99, 1.00, 2.02, 1.03, 1.92, 0.98,
    1.92, 1.02, 0.99, 1.02, 0.93, 1.05, 0.89,
];

/// DeepSeek V3 and V4, by the table that V4 is published with.
pub(super) const DEEPSEEK: [f32; KINDS] = [
    0.97, 0.89, 0.90, 1.25, 0.99, 0.98, 1.16, 1.28, 1.33, 1.01, 1.21, 1.60, 1.14, 0.84, 1.01, 1.84,
    0.91, 1.08, 1.11, 1.26, 1.04, 1.39, 1.83, 1.54, 0.99, 1.00, 1.00, 1.03, 1.25, 1.11, 1.50, 1.23,
    1.43, 0.63, 0.69, 1.12, 0.38, 1.24, 1.16,
];

/// Mistral, by the table of September 2024 that its own counter has.
pub(super) const TEKKEN: [f32; KINDS] = [
    1.00, 0.80, 1.06, 1.30, 1.03, 0.91, 0.99, 1.31, 1.21, 1.01, 1.13, 1.24, 1.13, 0.91, 1.03, 1.85,
    1.07, 1.00, 1.04, 1.68, 1.42, 1.21, 1.40, 1.38, 1.00, 1.93, 2.97, 0.99, 1.01, 1.12, 1.04, 1.13,
    1.00, 1.03, 1.06, 1.09, 1.73, 0.86, 1.09,
];

/// Gemma and Gemini, by the table that Gemma 3 is published with; that of Gemma 2 differs by a hundredth at most.
pub(super) const GEMMA: [f32; KINDS] = [
    0.89, 0.99, 0.76, 0.80, 1.07, 0.94, 0.92, 1.08, 1.92, 1.80, 1.89, 1.99, 1.13, 0.84, 1.13, 1.24,
    0.84, 0.92, 1.06, 1.16, 1.41, 1.67, 1.61, 1.82, 1.09, 1.91, 3.04, 1.00, 1.90, 1.09, 2.12, 0.88,
    1.96, 0.61, 1.16, 0.64, 0.99, 1.24, 0.84,
];

/// Claude 3 to 4.6, by what others found its counting door to answer: its table is not published.
pub(super) const CLAUDE: [f32; KINDS] = [
    1.19, 1.14, 0.56, 0.90, 1.06, 1.02, 1.00, 1.59, 1.79, 2.02, 1.75, 2.06, 1.18, 1.43, 2.00, 2.11,
    0.79, 1.65, 1.65, 1.50, 1.39, 1.90, 1.69, 2.57, 1.10, 1.03, 1.03, 1.00, 1.92, 1.14, 2.12, 1.12,
    2.16, 0.75, 1.13, 0.36, 0.14, 1.01, 1.61,
];

/// Claude from 4.7 on, by the same.
pub(super) const CLAUDE_4_7: [f32; KINDS] = [
    1.01, 1.66, 1.45, 1.88, 1.10, 1.43, 2.54, 2.74, 1.59, 2.53, 2.27, 2.86, 1.20, 3.15, 2.56, 4.07,
    1.15, 3.31, 3.72, 2.84, 1.64, 2.93, 3.09, 2.49, 0.99, 1.08, 0.98, 1.14, 2.09, 1.48, 2.14, 1.95,
    2.78, 0.70, 1.20, 0.48, 0.58, 1.63, 1.61,
];
