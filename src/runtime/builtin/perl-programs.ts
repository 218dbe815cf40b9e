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

/**
 * Looks through folders. Arguments: the numbers of llistxattr and lgetxattr (0: there are none), the most pieces of
 * data of one file, the folders. For each thing that has extended attributes or holes four fields, each with a NUL
 * after it: which folder, path below it, `+` and offsets and lengths of data with commas between (empty without
 * holes), attributes as NAME=VALUE in hexadecimal digits with blanks between.
 */
export const listFacts = `use strict; use Fcntl;
my ($list, $get, $most, @roots) = @ARGV; $list += 0; $get += 0; $most += 0;
sub xattrs { my ($path) = @_; return '' unless $list;
  my $names = "\\0" x 65536; my $n = syscall($list, $path, $names, 65536); return '' unless $n > 0;
  my @found;
  for my $name (sort split /\\0/, substr($names, 0, $n)) {
    my $value = "\\0" x 65536; my $size = syscall($get, $path, $name, $value, 65536);
    push @found, unpack('H*', $name) . '=' . unpack('H*', substr($value, 0, $size)) if $size >= 0;
  }
  return join ' ', @found;
}
sub holes { my ($path, $size) = @_; my @data; my $at = 0;
  sysopen(my $file, $path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW) or return '';
  while ($at < $size) {
    my $from = sysseek($file, $at, 3); last unless defined $from;
    my $to = sysseek($file, $from, 4); return '' unless defined $to;
    $to = $size if $to > $size; $from += 0;
    push @data, $from, $to - $from if $to > $from; $at = $to;
    return '' if @data > 2 * $most;
  }
  return '+' . join ',', @data;
}
sub look { my ($root, $number, $path) = @_;
  my $full = $path eq '' ? $root : "$root/$path";
  my @info = lstat $full or return;
  my $kind = $info[2] & 0170000;
  my $holes = $kind == 0100000 && $info[12] * 512 < $info[7] ? holes($full, $info[7]) : '';
  my $xattrs = xattrs($full);
  print $number, "\\0", $path, "\\0", $holes, "\\0", $xattrs, "\\0" if $holes ne '' || $xattrs ne '';
  return if $kind != 0040000;
  opendir(my $folder, $full) or return;
  my @names = grep { $_ ne '.' && $_ ne '..' } readdir $folder; closedir $folder;
  look($root, $number, $path eq '' ? $_ : "$path/$_") for @names;
}
look($roots[$_], $_, '') for 0 .. $#roots;
`;

/**
 * Gives files in the current directory extended attributes. Argument: the number of lsetxattr. Standard input: path,
 * name and value in hexadecimal digits, each with a NUL after it. A line on standard error for each that failed.
 */
export const setXattrs = `use strict; my ($set) = @ARGV; $set += 0; local $/ = "\\0";
while (defined(my $path = <STDIN>)) {
  my $name = <STDIN>; my $hex = <STDIN>; last unless defined $hex; chomp($path, $name, $hex);
  my $value = pack('H*', $hex);
  next if $set && syscall($set, "./$path" . '', $name, $value, length $value, 0) == 0;
  print STDERR "$path: its extended attribute $name is not kept: ", ($set ? "$!" : 'not on this machine'), "\\n";
}
`;
