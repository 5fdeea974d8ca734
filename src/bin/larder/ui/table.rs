//! Tables for people: a heading, columns as wide as they need be, two spaces between.

use super::Paint;

/// To which side a column leans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// Rows gathered until their widths are known.
#[derive(Debug)]
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With these columns.
    pub fn new(columns: &[(&'static str, Align)]) -> Table {
        Table { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, one cell a column.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The whole as text.
    pub fn render(&self, paint: Paint) -> String {
        let widths: Vec<usize> = (self.columns.iter().enumerate())
            .map(|(at, (title, _))| {
                let cells = self.rows.iter().filter_map(|row| row.get(at));
                cells.map(|cell| cell.chars().count()).chain([title.chars().count()]).max().unwrap_or(0)
            })
            .collect();
        let titles: Vec<String> = self.columns.iter().map(|(title, _)| (*title).to_string()).collect();
        let mut text = paint.dim(&self.line(&titles, &widths));
        text.push('\n');
        for row in &self.rows {
            text.push_str(&self.line(row, &widths));
            text.push('\n');
        }
        text
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, width), (_, align)) in cells.iter().zip(widths).zip(&self.columns) {
            let padding = " ".repeat(width - cell.chars().count().min(*width));
            let separator = if line.is_empty() { "" } else { "  " };
            match align {
                Align::Left => line.extend([separator, cell, &padding]),
                Align::Right => line.extend([separator, &padding, cell]),
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&[("name", Align::Left), ("bytes", Align::Right), ("of", Align::Left)]);
        table.row(vec!["ü".into(), "1".into(), "x".into()]);
        table.row(vec!["longer".into(), "1234567".into(), String::new()]);
        let text = table.render(Paint { is_on: false });
        assert_eq!(text, "name      bytes  of\nü             1  x\nlonger  1234567\n");
    }
}
