"""Program that predicts without mlpkit, in parts; `writer` joins them to one file, without the imports between them."""
