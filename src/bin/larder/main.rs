//! The command line of larder.

fn main() {}
