//! A small symmetric matrix, and the equations it stands for.

/// Symmetric, and such that it bends one way only.
pub(super) struct Matrix {
    side: usize,
    cells: Vec<f64>,
}

impl Matrix {
    pub(super) fn zero(side: usize) -> Self {
        Self {
            side,
            cells: vec![0.0; side * side],
        }
    }

    pub(super) fn add(&mut self, row: usize, column: usize, amount: f64) {
        self.cells[row * self.side + column] += amount;
    }

    /// What it takes `right` from: by the square root of the matrix (Cholesky), down and up again.
    pub(super) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let (side, root) = (self.side, self.root());
        let at = |row: usize, column: usize| root[row * side + column];
        let mut found = right.to_vec();
        for row in 0..side {
            let before: f64 = (0..row).map(|it| at(row, it) * found[it]).sum();
            found[row] = (found[row] - before) / at(row, row);
        }
        for row in (0..side).rev() {
            let behind: f64 = (row + 1..side).map(|it| at(it, row) * found[it]).sum();
            found[row] = (found[row] - behind) / at(row, row);
        }
        found
    }

    fn root(&self) -> Vec<f64> {
        let side = self.side;
        let mut root = vec![0.0; side * side];
        for row in 0..side {
            for column in 0..=row {
                let both = (0..column).map(|it| root[row * side + it] * root[column * side + it]);
                let left = self.cells[row * side + column] - both.sum::<f64>();
                root[row * side + column] = match row == column {
                    // The priors keep it above nothing; rounding may not.
                    true => left.max(1e-12).sqrt(),
                    false => left / root[column * side + column],
                };
            }
        }
        root
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_gives_the_right_side() {
        let cells = [[4.0, 2.0, 0.6], [2.0, 5.0, 1.0], [0.6, 1.0, 3.0]];
        let mut matrix = Matrix::zero(3);
        for (row, line) in cells.iter().enumerate() {
            for (column, cell) in line.iter().enumerate() {
                matrix.add(row, column, *cell);
            }
        }

        let found = matrix.solve(&[1.0, -2.0, 0.5]);

        for (line, right) in cells.iter().zip([1.0, -2.0, 0.5]) {
            let left: f64 = line.iter().zip(&found).map(|(cell, it)| cell * it).sum();
            assert!((left - right).abs() < 1e-12);
        }
    }
}
