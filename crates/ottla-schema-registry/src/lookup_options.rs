//! The builder methods of all registry serializers, which override the registry's settings.

/// Defines the methods for a serializer with a field that has `change_policy(impl FnOnce(&mut LookupPolicy))`.
macro_rules! lookup_options {
    ($field:tt) => {
        /// Whether to register a schema that is not registered under the subject: `auto.register.schemas`. If true, it takes precedence over
        /// the latest version and the id.
        #[must_use]
        pub fn auto_register(mut self, on: bool) -> Self {
            self.$field.change_policy(|lookup_policy| {
                lookup_policy.auto_register = on;
                lookup_policy.use_latest &= !on;
            });
            self
        }

        /// Whether to write with the subject's latest version and register nothing: `use.latest.version` with `auto.register.schemas=false`.
        /// `false` changes only `use.latest.version`.
        #[must_use]
        pub fn use_latest_version(mut self, on: bool) -> Self {
            self.$field.change_policy(|lookup_policy| {
                lookup_policy.use_latest = on;
                if on {
                    (lookup_policy.auto_register, lookup_policy.schema_id) = (false, None);
                }
            });
            self
        }

        /// Writes with the schema of this id and registers nothing: `use.schema.id` with `auto.register.schemas=false`.
        #[must_use]
        pub fn use_schema_id(mut self, id: i32) -> Self {
            self.$field.change_policy(|lookup_policy| {
                (lookup_policy.auto_register, lookup_policy.use_latest, lookup_policy.schema_id) = (false, false, Some(id));
            });
            self
        }

        /// Whether the registry normalizes schemas before it compares them: `normalize.schemas`.
        #[must_use]
        pub fn normalize(mut self, on: bool) -> Self {
            self.$field.change_policy(|lookup_policy| lookup_policy.normalize = on);
            self
        }

        /// The subject that schemas are registered under: a [`StrategyName`](crate::StrategyName) or another
        /// [`SubjectNameStrategy`](crate::SubjectNameStrategy). Overrides `key.subject.name.strategy` and
        /// `value.subject.name.strategy`.
        #[must_use]
        pub fn subject_name_strategy(mut self, strategy: impl crate::SubjectNameStrategy) -> Self {
            let strategy = std::sync::Arc::new(strategy);
            self.$field.change_policy(|lookup_policy| {
                lookup_policy.key_strategy = std::sync::Arc::clone(&strategy) as _;
                lookup_policy.value_strategy = strategy;
            });
            self
        }

        /// Where a record carries the id of its schema. Overrides `key.schema.id.serializer` and `value.schema.id.serializer`.
        #[must_use]
        pub fn schema_id_location(mut self, location: crate::SchemaIdLocation) -> Self {
            self.$field
                .change_policy(|lookup_policy| (lookup_policy.key_location, lookup_policy.value_location) = (location, location));
            self
        }
    };
}

pub(crate) use lookup_options;
