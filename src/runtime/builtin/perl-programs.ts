/**
 * What Node's own calls cannot do on Linux, in the smallest language that every Debian machine has (perl-base):
 * sockets inside another network namespace, sockets that keep packets apart, terminals. The programs are
 * constants; what they work on comes as arguments, descriptors and the current directory.
 */

/** Carries bytes between a socket and standard input and output, until the socket ends. */
const relay = `
sub all { my ($to, $bytes) = @_; while (length $bytes) { my $n = syswrite($to, $bytes); exit 1 unless defined $n; substr($bytes, 0, $n) = ''; } }
sub relay { my ($s, $packets) = @_;
  my $watched = ''; vec($watched, fileno(STDIN), 1) = 1; vec($watched, fileno($s), 1) = 1;
  while (1) {
    my $ready = $watched;
    next if select($ready, undef, undef, undef) < 0;
    if (vec($ready, fileno($s), 1)) {
      my $n = sysread($s, my $bytes, 65536);
      exit 0 unless $n;
      all(\\*STDOUT, $packets ? pack('N', $n) . $bytes : $bytes);
    }
    if (vec($ready, fileno(STDIN), 1)) {
      my $n = sysread(STDIN, my $bytes, 8192);
      if ($n) { all($s, $bytes) } else { shutdown($s, 1); vec($watched, fileno(STDIN), 1) = 0; }
    }
  }
}
`;

/** Connects to a TCP port of this machine, says so with one byte, and carries bytes. Argument: the port. */
export const connectToPort = `use strict; use Socket;${relay}
my ($port) = @ARGV; my $s; my $why;
for my $way ([AF_INET, pack_sockaddr_in($port, INADDR_LOOPBACK)], [AF_INET6, pack_sockaddr_in6($port, ("\\0" x 15) . "\\1")]) {
  socket($s, $way->[0], SOCK_STREAM, 0) or next;
  if (connect($s, $way->[1])) { all(\\*STDOUT, '+'); relay($s, 0); }
  $why ||= "$!";
}
print STDERR $why; exit 1;
`;

/**
 * Connects to a SOCK_SEQPACKET socket in the current directory, says so with one byte, and carries packets: out as
 * four bytes of length and content. Argument: the socket's name.
 */
export const connectToPackets = `use strict; use Socket;${relay}
my ($name) = @ARGV; my $s;
socket($s, AF_UNIX, SOCK_SEQPACKET, 0) && connect($s, pack_sockaddr_un($name)) or do { print STDERR "$!"; exit 1 };
all(\\*STDOUT, '+'); relay($s, 1);
`;

/** Lets the other end of a terminal be opened whose controlling end is standard input (TIOCSPTLCK). */
export const unlockTerminal = `my $zero = pack('i', 0); ioctl(STDIN, 0x40045431, $zero) or do { print STDERR "$!"; exit 1 };`;
