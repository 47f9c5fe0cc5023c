"""The batches of a training: their order, the rows they are made of, and where the rows are held."""
