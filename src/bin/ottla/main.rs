mod dead_letter;
mod input;
mod row;

fn main() {}
