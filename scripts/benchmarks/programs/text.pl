# Perl on text: regular expressions, hashes, sorting, split and join. usage: perl text.pl ROUNDS
use strict;
my ($rounds, $seed, $sum) = ($ARGV[0], 42, 0);
sub random { $seed = ($seed * 1103515245 + 12345) & 0x7fffffff; return ($seed >> 8) % $_[0]; }
for my $round (1 .. $rounds) {
    my %count;
    my $text = join ' ', map { 'w' . random(60) . (random(2) ? 'x' : '') } 1 .. 300;
    $count{$1}++ while $text =~ /(w\d+x?)/g;
    for my $word (sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count) {
        $sum = ($sum * 31 + length($word) * $count{$word}) % 1000003;
    }
    (my $other = $text) =~ s/w(\d)(\d)x/$2-$1/g;
    $sum += scalar(grep { /^\d-\d$/ } split / /, $other) + ord(substr reverse($other), 7, 1);
}
print "perl $sum\n";
