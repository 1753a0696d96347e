"""The pure core: no threads, clock, random, files, sockets, protobuf or Tk."""
