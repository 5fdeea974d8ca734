//! Variables of the environment, handed down to media that look for credentials there.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};

/// Names and values. What is empty is not there, and nothing of it is shown.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Those whose names begin so, in order.
    pub fn beginning_with(&self, start: &str) -> impl Iterator<Item = (&str, &str)> {
        let start = start.to_string();
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(move |(name, _)| name.starts_with(&start))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Variables {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value.into()));
        Variables(pairs.filter(|(_, value): &(String, String)| !value.is_empty()).collect())
    }
}

impl Debug for Variables {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} variables", self.0.len())
    }
}
