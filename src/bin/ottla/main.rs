mod dead_letter;
mod input;
mod progress;
mod report;
mod row;

fn main() {}
