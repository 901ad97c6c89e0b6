//! Figures as they come: median, least and most of the repetitions, for people on standard output and for machines in a file.

use std::path::Path;

use serde_json::{Value, json};

#[derive(Default)]
pub struct Report {
    figures: Vec<Value>,
}

impl Report {
    /// Takes in the repetitions of one figure.
    pub fn take(&mut self, name: &str, unit: &str, mut values: Vec<f64>) {
        assert!(!values.is_empty(), "{name} was not measured");
        values.sort_by(f64::total_cmp);
        let (least, median, most) = (values[0], values[values.len() / 2], values[values.len() - 1]);
        println!("{name:<64} {:>14} {unit}   ({} to {})", shown(median), shown(least), shown(most));
        let figure = json!({
            "name": name, "unit": unit, "median": median, "least": least, "most": most, "repetitions": values.len(),
        });
        self.figures.push(figure);
    }

    /// The machine-readable copy.
    pub fn write(&self, path: &Path) {
        let cpus = std::thread::available_parallelism().map_or(0, usize::from);
        let document = json!({"version": 1, "cpus": cpus, "figures": self.figures});
        std::fs::write(path, serde_json::to_string_pretty(&document).unwrap()).unwrap();
    }
}

fn shown(value: f64) -> String {
    if value >= 1_000.0 {
        let digits = format!("{value:.0}");
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        text
    } else {
        format!("{value:.2}")
    }
}

/// The value below which this share of the sorted values lies.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let index = ((sorted.len() as f64 * share) as usize).min(sorted.len() - 1);
    sorted[index]
}

/// Resident memory of this process in MB, now and at its highest (`VmRSS`, `VmHWM` of proc(5)).
pub fn resident() -> (f64, f64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1_024.0
    };
    (field("VmRSS:"), field("VmHWM:"))
}
