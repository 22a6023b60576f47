"""What every room uses: errors, arguments, arrays, progress."""
