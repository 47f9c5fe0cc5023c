"""TFRecord shards of raw stamps, split by group, and the manifest that describes them."""
