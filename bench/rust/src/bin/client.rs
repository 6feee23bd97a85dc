//! The clients on the system's allocator.

fn main() -> anyhow::Result<()> {
    clients::main()
}
