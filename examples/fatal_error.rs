//! What do I do when a producer can do no more? Build a new one, and send the transaction again.

use std::time::Duration;

use futures::executor::block_on;
use ottla::{
    Error, Producer, ProducerConfig, ProducerRecord,
    testing::{ApiKey, BrokerError, EmbeddedKafka},
};

fn main() -> ottla::Result<()> {
    // A broker inside this process, which can be told to fail: as if another producer had taken the transactional.id over.
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
                // Nothing of it was committed, so that it may be sent again. A program that runs once for each transactional.id may do so;
                // one that has been replaced by another ends here.
                Err(error) if error.is_fatal() => {
                    println!("attempt {attempt}: fatal ({}): {error}", error.kind());
                    producer = start(&config).await?;
                }
                // The transaction was aborted when it was dropped: the same producer may try again.
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

/// Two records that count together or not at all.
async fn transfer(producer: &Producer<str, str>) -> Result<(), Error> {
    let transaction = producer.begin_transaction().await?;
    drop(transaction.send(ProducerRecord::to("transfers").key("from").value("-100")).await?);
    drop(transaction.send(ProducerRecord::to("transfers").key("to").value("+100")).await?);
    transaction.commit().await
}
