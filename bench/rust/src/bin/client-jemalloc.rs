//! The clients on jemalloc: it takes malloc's name, so that librdkafka allocates from it as well.

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> anyhow::Result<()> {
    clients::main()
}
