fn main() {}
mod configuration;
