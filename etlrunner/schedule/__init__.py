"""When flows run: the calendar and the loop that obeys it."""
