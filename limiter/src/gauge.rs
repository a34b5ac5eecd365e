//! A gauge that costs nothing until somebody looks.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// A gauge that is read when it is scraped.
pub(crate) struct ReadGauge<F> {
    name: &'static str,
    help: String,
    read: F,
}

impl<F: Fn() -> u64 + Send + Sync + 'static> ReadGauge<F> {
    /// Registers it under `name`, behind the registry's prefix.
    pub(crate) fn register(registry: &mut Registry, name: &'static str, help: String, read: F) {
        registry.register_collector(Box::new(Self { name, help, read }));
    }
}

impl<F> std::fmt::Debug for ReadGauge<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadGauge")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<F: Fn() -> u64 + Send + Sync + 'static> Collector for ReadGauge<F> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let gauge = ConstGauge::new((self.read)());
        let metric = encoder.encode_descriptor(self.name, &self.help, None, gauge.metric_type())?;
        gauge.encode(metric)
    }
}
