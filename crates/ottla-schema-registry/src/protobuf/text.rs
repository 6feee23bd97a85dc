//! [`proto_text`]: prints a compiled file as .proto text.

use prost_reflect::{
    Cardinality, DynamicMessage, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor,
    OneofDescriptor, ServiceDescriptor, Syntax,
    prost_types::{
        DescriptorProto, FieldDescriptorProto,
        field_descriptor_proto::{Label, Type},
    },
};

use super::option_text::{quoted, set_options};

/// Prints a file as text that compiles to the same file, without comments. Every registry accepts text. Text printed from descriptors does not
/// depend on the formatting of the source, so another formatting does not create another schema.
pub(super) fn proto_text(file: &FileDescriptor) -> String {
    let mut text = Text { text: String::new(), depth: 0, proto3: file.syntax() == Syntax::Proto3 };
    text.file(file);
    text.text
}

struct Text {
    text: String,
    depth: usize,
    proto3: bool,
}

impl Text {
    fn line(&mut self, line: &str) {
        self.text.extend(std::iter::repeat_n("  ", self.depth));
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn block(&mut self, head: &str, body: impl FnOnce(&mut Self)) {
        self.line(&format!("{head} {{"));
        self.depth += 1;
        body(self);
        self.depth -= 1;
        self.line("}");
    }

    fn file(&mut self, file: &FileDescriptor) {
        let proto = file.file_descriptor_proto();
        self.line(if self.proto3 { "syntax = \"proto3\";" } else { "syntax = \"proto2\";" });
        if !file.package_name().is_empty() {
            self.line(&format!("package {};", file.package_name()));
        }
        for (index, import) in (0..).zip(&proto.dependency) {
            let kind = match (proto.public_dependency.contains(&index), proto.weak_dependency.contains(&index)) {
                (true, _) => "public ",
                (_, true) => "weak ",
                _ => "",
            };
            self.line(&format!("import {kind}{};", quoted(import.as_bytes())));
        }
        self.options(&file.options());
        file.messages().for_each(|message| self.message(&message, &format!("message {}", message.name())));
        file.enums().for_each(|each| self.enumeration(&each));
        let extensions: Vec<_> = file.extensions().filter(|extension| extension.parent_message().is_none()).collect();
        self.extensions(&extensions);
        file.services().for_each(|service| self.service(&service));
    }

    fn message(&mut self, message: &MessageDescriptor, head: &str) {
        let proto = message.descriptor_proto();
        self.block(head, |text| {
            text.options(&message.options());
            text.reserved(
                proto.reserved_range.iter().map(|range| (range.start(), range.end() - 1)),
                &proto.reserved_name,
                MAX_FIELD_NUMBER,
            );
            for range in &proto.extension_range {
                text.line(&format!("extensions {};", numbers(range.start(), range.end() - 1, MAX_FIELD_NUMBER)));
            }
            message.child_enums().for_each(|each| text.enumeration(&each));
            text.members(message, proto);
            text.extensions(&message.child_extensions().collect::<Vec<_>>());
        });
    }

    /// Fields and nested messages. The messages of maps and groups are nested messages too: they are printed at their field's position, so that
    /// the message indexes stay the same.
    fn members(&mut self, message: &MessageDescriptor, proto: &DescriptorProto) {
        let nested: Vec<_> = message.child_messages().collect();
        let mut written = 0;
        let mut oneofs = Vec::new();
        for field in &proto.field {
            let Some(field) = message.get_field_by_name(field.name()) else { continue };
            let implied = implied(&field).and_then(|implied| nested.iter().position(|each| *each == implied));
            if let Some(position) = implied {
                self.nested(nested.get(written..position).unwrap_or_default());
                written = position + 1;
            }
            match field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
                None => self.field(&field, true),
                Some(oneof) if oneofs.contains(&oneof) => {}
                Some(oneof) => {
                    self.oneof(&oneof);
                    oneofs.push(oneof);
                }
            }
        }
        self.nested(nested.get(written..).unwrap_or_default());
    }

    fn nested(&mut self, messages: &[MessageDescriptor]) {
        messages.iter().for_each(|message| self.message(message, &format!("message {}", message.name())));
    }

    fn oneof(&mut self, oneof: &OneofDescriptor) {
        self.block(&format!("oneof {}", oneof.name()), |text| {
            text.options(&oneof.options());
            oneof.fields().for_each(|field| text.field(&field, false));
        });
    }

    fn field(&mut self, field: &FieldDescriptor, labelled: bool) {
        let label = if labelled { self.label(field.field_descriptor_proto()) } else { "" };
        if let (true, Kind::Message(group)) = (field.is_group(), field.kind()) {
            let options = self.field_options(field.field_descriptor_proto(), &field.options());
            return self.message(&group, &format!("{label}group {} = {}{options}", group.name(), field.number()));
        }
        let kind = match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                let [key, value] = [entry.map_entry_key_field(), entry.map_entry_value_field()];
                format!("map<{}, {}>", type_name(&key.kind()), type_name(&value.kind()))
            }
            kind => format!("{}{}", if field.is_map() { "" } else { label }, type_name(&kind)),
        };
        let options = self.field_options(field.field_descriptor_proto(), &field.options());
        self.line(&format!("{kind} {} = {}{options};", field.name(), field.number()));
    }

    fn label(&self, field: &FieldDescriptorProto) -> &'static str {
        match field.label() {
            Label::Repeated => "repeated ",
            Label::Required => "required ",
            Label::Optional if !self.proto3 || field.proto3_optional() => "optional ",
            Label::Optional => "",
        }
    }

    fn field_options(&self, field: &FieldDescriptorProto, options: &DynamicMessage) -> String {
        let mut parts = Vec::new();
        if let Some(default) = &field.default_value {
            parts.push(match field.r#type() {
                Type::String => format!("default = {}", quoted(default.as_bytes())),
                // Already escaped.
                Type::Bytes => format!("default = \"{default}\""),
                _ => format!("default = {default}"),
            });
        }
        if field.json_name() != json_name(field.name()) && field.json_name.is_some() {
            parts.push(format!("json_name = {}", quoted(field.json_name().as_bytes())));
        }
        parts.extend(set_options(options).map(|(name, value)| format!("{name} = {value}")));
        if parts.is_empty() { String::new() } else { format!(" [{}]", parts.join(", ")) }
    }

    fn extensions(&mut self, extensions: &[ExtensionDescriptor]) {
        for extension in extensions {
            let proto = extension.field_descriptor_proto();
            let label = if extension.cardinality() == Cardinality::Optional && self.proto3 { "" } else { self.label(proto) };
            let options = self.field_options(proto, &extension.options());
            let (kind, number) = (type_name(&extension.kind()), extension.number());
            self.block(&format!("extend .{}", extension.containing_message().full_name()), |text| {
                text.line(&format!("{label}{kind} {} = {number}{options};", extension.name()));
            });
        }
    }

    fn enumeration(&mut self, each: &EnumDescriptor) {
        let proto = each.enum_descriptor_proto();
        self.block(&format!("enum {}", each.name()), |text| {
            text.options(&each.options());
            text.reserved(proto.reserved_range.iter().map(|range| (range.start(), range.end())), &proto.reserved_name, i32::MAX);
            for (value, proto) in each.values().zip(&proto.value) {
                let options: Vec<_> = set_options(&value.options()).map(|(name, value)| format!("{name} = {value}")).collect();
                let options = if options.is_empty() { String::new() } else { format!(" [{}]", options.join(", ")) };
                text.line(&format!("{} = {}{options};", proto.name(), proto.number()));
            }
        });
    }

    fn service(&mut self, service: &ServiceDescriptor) {
        self.block(&format!("service {}", service.name()), |text| {
            text.options(&service.options());
            for method in service.methods() {
                let stream = |streaming: bool| if streaming { "stream " } else { "" };
                let head = format!(
                    "rpc {}({}.{}) returns ({}.{})",
                    method.name(),
                    stream(method.is_client_streaming()),
                    method.input().full_name(),
                    stream(method.is_server_streaming()),
                    method.output().full_name(),
                );
                text.block(&head, |text| text.options(&method.options()));
            }
        });
    }

    fn options(&mut self, options: &DynamicMessage) {
        set_options(options).for_each(|(name, value)| self.line(&format!("option {name} = {value};")));
    }

    fn reserved(&mut self, ranges: impl Iterator<Item = (i32, i32)>, names: &[String], max: i32) {
        for (start, end) in ranges {
            self.line(&format!("reserved {};", numbers(start, end, max)));
        }
        for name in names {
            self.line(&format!("reserved {};", quoted(name.as_bytes())));
        }
    }
}

/// The highest field number.
const MAX_FIELD_NUMBER: i32 = 536_870_911;

fn numbers(start: i32, end: i32, max: i32) -> String {
    match end {
        _ if start == end => start.to_string(),
        _ if end == max => format!("{start} to max"),
        _ => format!("{start} to {end}"),
    }
}

/// The message that a map or a group defines.
fn implied(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(message) if field.is_map() || field.is_group() => Some(message),
        _ => None,
    }
}

fn type_name(kind: &Kind) -> String {
    match kind {
        Kind::Double => "double".to_owned(),
        Kind::Float => "float".to_owned(),
        Kind::Int32 => "int32".to_owned(),
        Kind::Int64 => "int64".to_owned(),
        Kind::Uint32 => "uint32".to_owned(),
        Kind::Uint64 => "uint64".to_owned(),
        Kind::Sint32 => "sint32".to_owned(),
        Kind::Sint64 => "sint64".to_owned(),
        Kind::Fixed32 => "fixed32".to_owned(),
        Kind::Fixed64 => "fixed64".to_owned(),
        Kind::Sfixed32 => "sfixed32".to_owned(),
        Kind::Sfixed64 => "sfixed64".to_owned(),
        Kind::Bool => "bool".to_owned(),
        Kind::String => "string".to_owned(),
        Kind::Bytes => "bytes".to_owned(),
        // With a leading dot, so that no name of an inner scope takes precedence.
        Kind::Message(message) => format!(".{}", message.full_name()),
        Kind::Enum(each) => format!(".{}", each.full_name()),
    }
}

/// The default JSON name of a field: protoc's `ToJsonName`.
fn json_name(name: &str) -> String {
    let mut after_underscore = false;
    let mut json = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '_' => after_underscore = true,
            _ => {
                json.push(if std::mem::take(&mut after_underscore) { letter.to_ascii_uppercase() } else { letter });
            }
        }
    }
    json
}

#[cfg(test)]
mod tests {
    use prost_reflect::prost_types::FileDescriptorProto;

    use super::*;
    use crate::compile_proto;

    /// Compiles a text and removes its source positions.
    fn compiled(text: &str) -> (FileDescriptor, FileDescriptorProto) {
        let options = "syntax = \"proto2\"; package custom; import \"google/protobuf/descriptor.proto\"; \
                       message Rule { optional string name = 1; repeated int32 codes = 2; optional Rule inner = 3; } \
                       extend google.protobuf.FieldOptions { optional Rule rule = 50001; repeated string tags = 50002; }";
        let pool = compile_proto([("options.proto", options), ("test.proto", text)]).unwrap();
        let file = pool.get_file_by_name("test.proto").unwrap();
        let mut proto = file.file_descriptor_proto().clone();
        proto.source_code_info = None;
        (file, proto)
    }

    fn round_trip(text: &str) -> String {
        let (file, proto) = compiled(text);
        let written = proto_text(&file);
        assert_eq!(compiled(&written).1, proto, "{written}");
        assert_eq!(proto_text(&compiled(&written).0), written);
        written
    }

    #[test]
    fn proto3_round_trips() {
        let written = round_trip(
            r#"syntax = "proto3";
            package a.b;
            import public "options.proto";
            option java_package = "com.example";
            option optimize_for = CODE_SIZE;
            message Outer {
                option deprecated = true;
                reserved 100 to 110, 200, 1000 to max;
                reserved "gone", "away";
                message Before { int32 number = 1; }
                map<string, Before> map = 1;
                message After { optional string text = 1; }
                oneof choice {
                    After after = 2;
                    bytes raw = 3 [deprecated = true];
                }
                repeated int32 numbers = 4 [packed = false];
                string snake_case_2name = 5 [json_name = "other"];
                Kind kind = 6 [(custom.rule) = { name: "a\"b\n" codes: 1 codes: 2 inner: { name: "é" } }, (custom.tags) = "x", (custom.tags) = "y"];
            }
            enum Kind {
                option allow_alias = true;
                reserved -5 to -3, 9;
                KIND_NONE = 0;
                KIND_ZERO = 0 [deprecated = true];
                KIND_LESS = -1;
            }
            service Orders {
                rpc Get(Outer) returns (stream Outer) { option deprecated = true; }
                rpc Put(stream Outer.After) returns (Outer.Before);
            }"#,
        );
        // Message indexes count the message of a map at the map's position.
        let [before, map, after] =
            ["message Before", "map<string, .a.b.Outer.Before>", "message After"].map(|part| written.find(part));
        assert!(before.is_some() && before < map && map < after, "{written}");
        assert!(
            written.contains(r#"(custom.rule) = { name: "a\"b\012" codes: 1 codes: 2 inner: { name: "\303\251" } }"#),
            "{written}"
        );
    }

    #[test]
    fn proto2_labels_groups_defaults_and_extensions_round_trip() {
        round_trip(
            r#"syntax = "proto2";
            message Old {
                required string id = 1 [default = "a\"\\b"];
                optional double ratio = 2 [default = -inf];
                optional Kind kind = 3 [default = SECOND];
                optional bytes raw = 4 [default = "\000\377"];
                repeated group Item = 5 { optional int32 number = 6; }
                message Between {}
                optional group Other = 8 { required bool flag = 1; }
                extensions 100 to 199, 1000 to max;
                extend Old { optional int32 inside = 101; }
            }
            enum Kind { FIRST = 1; SECOND = 2; }
            extend Old { repeated sint64 more = 100 [packed = true]; }"#,
        );
    }
}
