"""The one door for data frames: columns, levels and numbers of any library."""
