//! What do I do after a fatal error? Build a new producer, and repeat the transaction.

use std::time::Duration;

use futures::executor::block_on;
use ottla::{
    Error, Producer, ProducerConfig, ProducerRecord,
    testing::{ApiKey, BrokerError, EmbeddedKafka},
};

fn main() -> ottla::Result<()> {
    // A broker inside this process, which fails as if another producer had taken over the transactional.id.
    let kafka = EmbeddedKafka::builder().topic("transfers", 3).start()?;
    kafka.fail_next(ApiKey::EndTxn, &[BrokerError::PRODUCER_FENCED])?;
    let config = ProducerConfig::new().set("bootstrap.servers", kafka.bootstrap_servers())?.transactional_id("transfers-1");

    block_on(async {
        let mut producer = start(&config).await?;
        for attempt in 1.. {
            match transfer(&producer).await {
                Ok(()) => {
                    println!("attempt {attempt}: committed");
                    break;
                }
                // Nothing was committed, so the transaction can be repeated. A program that is the only one with its transactional.id may do so;
                // a program that was replaced by another one must end here.
                Err(error) if error.is_fatal() => {
                    println!("attempt {attempt}: fatal ({}): {error}", error.kind());
                    producer = start(&config).await?;
                }
                // Dropping the transaction aborted it: the same producer can try again.
                Err(error) if error.is_abortable() => println!("attempt {attempt}: aborted: {error}"),
                Err(error) => return Err(error),
            }
        }
        producer.close(Duration::from_secs(10)).await.map(drop)
    })
}

async fn start(config: &ProducerConfig) -> Result<Producer<str, str>, Error> {
    let producer = Producer::builder(config.clone()).build()?;
    producer.init_transactions().await?;
    Ok(producer)
}

/// Two records in one transaction.
async fn transfer(producer: &Producer<str, str>) -> Result<(), Error> {
    let transaction = producer.begin_transaction().await?;
    drop(transaction.send(ProducerRecord::to("transfers").key("from").value("-100")).await?);
    drop(transaction.send(ProducerRecord::to("transfers").key("to").value("+100")).await?);
    transaction.commit().await
}
