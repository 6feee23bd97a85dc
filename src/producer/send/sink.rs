//! [`ProducerSink`]: a [`Sink`] of records.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::Sink;

use crate::{
    Delivery, Error, ProducerRecord,
    producer::{Producer, Sending, delivery::flush_helper::Hurry},
};

/// A [`Sink`] of records. Created by [`Producer::sink`].
///
/// It accepts a record when the previous one has been accepted, so a stream is read no faster than the brokers acknowledge. Flushing and closing
/// the sink send its records without `linger.ms` and wait for all reports. The first failed record fails the sink, but not the producer.
pub struct ProducerSink<K: ?Sized, V: ?Sized> {
    producer: Producer<K, V>,
    sending: Option<Sending>,
    deliveries: VecDeque<Delivery>,
    /// Exists during a flush.
    hurry: Option<Hurry>,
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> ProducerSink<K, V> {
    pub(in crate::producer) fn new(producer: Producer<K, V>) -> Self {
        Self { producer, sending: None, deliveries: VecDeque::new(), hurry: None }
    }

    fn poll_accepted(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Some(sending) = &mut self.sending {
            let delivery = ready!(Pin::new(sending).poll(context));
            self.sending = None;
            self.deliveries.push_back(delivery?);
        }
        Poll::Ready(Ok(()))
    }

    /// Removes the deliveries that are complete, the oldest first.
    fn poll_delivered(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while let Some(delivery) = self.deliveries.front_mut() {
            let report = ready!(Pin::new(delivery).poll(context));
            self.deliveries.pop_front();
            report?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Sink<ProducerRecord<'static, K, V>> for ProducerSink<K, V> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // Ends an abandoned flush.
        self.hurry = None;
        ready!(self.poll_accepted(context))?;
        match self.poll_delivered(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn start_send(mut self: Pin<&mut Self>, record: ProducerRecord<'static, K, V>) -> Result<(), Error> {
        self.hurry = None;
        let sending = self.producer.send(record);
        self.sending = Some(sending);
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = &mut *self;
        let delivered = match this.poll_accepted(context) {
            Poll::Ready(Ok(())) => this.poll_delivered(context),
            other => other,
        };
        if delivered.is_ready() {
            this.hurry = None;
        } else if this.hurry.is_none() {
            this.hurry = Some(this.producer.0.untyped.hurry());
        }
        delivered
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_flush(context)
    }
}

impl<K: ?Sized, V: ?Sized> fmt::Debug for ProducerSink<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerSink").field("outstanding", &self.deliveries.len()).finish_non_exhaustive()
    }
}
