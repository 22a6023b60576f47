"""Rows that are not in memory: Parquet files, clusters, and rows that are added to a fit."""
