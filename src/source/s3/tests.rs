mod listing;
mod reading;
