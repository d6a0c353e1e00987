# -*- Perl -*-
# rival_mimedefang - the policy as an operator would write it for MIMEDefang
#
# With DBI on notify-milter's own database: the rules for deliver, discard and
# untrusted, in their order, and one line to syslog. MIMEDefang cannot hold a
# message; it keeps a copy in a directory of its own instead. The environment
# names the database and the domains.
use strict;
use warnings;
use DBI;
use DBD::SQLite;
use Encode qw(decode);

our ($db, %sql, @Recipients, $RelayAddr, $QueueID);

my ($domain, $mirror) = @ENV{qw(RIVAL_DOMAIN RIVAL_MIRROR)};
my %statements = (
    category => q{
        SELECT c.id, c.slug, c.subscriber, c.telegram FROM category_key k
        JOIN category c ON c.id = k.category WHERE k.key = ?},
    account => q{SELECT id, name FROM account WHERE key = ?},
    people => q{
        SELECT u.address, u.key, u.role, l.id, l.chat
        FROM user u LEFT JOIN link l ON l.user = u.id
        WHERE u.account = ?1 AND u.role = 'owner'
        UNION ALL
        SELECT u.address, u.key, u.role, l.id, l.chat
        FROM subscription s JOIN user u ON u.id = s.user
        LEFT JOIN link l ON l.user = u.id
        WHERE s.account = ?1 AND s.category = ?2},
    member => q{
        SELECT u.account, u.role, l.id, l.chat, EXISTS (
            SELECT 1 FROM subscription s WHERE s.account = u.account
            AND s.category = ?2 AND s.user = u.id)
        FROM user u LEFT JOIN link l ON l.user = u.id WHERE u.key = ?1},
);

# Each worker has a connection of its own, with prepared statements.
sub connect_roster {
    return if $db;
    $db = DBI->connect("dbi:SQLite:uri=file:$ENV{RIVAL_DATABASE}?mode=ro",
        '', '', { RaiseError => 1, AutoCommit => 1 });
    $sql{$_} = $db->prepare($statements{$_}) for keys %statements;
}

sub row {
    my ($name, @values) = @_;
    $sql{$name}->execute(@values);
    my @row = $sql{$name}->fetchrow_array;
    $sql{$name}->finish;
    return @row;
}

sub fold {
    my $text = lc decode('MIME-Header', shift);
    $text =~ s/&/ and /g;
    $text =~ s/[\s_-]+/-/g;
    $text =~ s/^-|-$//g;
    return $text;
}

sub entitled {
    my ($role, $subscribed, $open) = @_;
    return $role eq 'owner' || $subscribed && ($role ne 'subscriber' || $open);
}

sub decide {
    my ($account, @tags) = @_;
    my (@category, %addressed, @header, @people, %kept, %chats);
    my %d = (deletes => [], adds => {}, dropped => 0, kept => 0, accounts => []);
    my $known = 0;
    my $mirrored = sub {
        my ($role, $link, $chat) = @_;
        $chats{$chat} //= $link
            if $category[3] && defined $link && $role ne 'subscriber';
    };

    for my $tag (@tags) {
        my @this = row('category', fold($tag));
        return { verdict => 'hold', reason => 'unknown category' } if !@this;
        return { verdict => 'hold', reason => 'different categories' }
            if @category && $category[0] != $this[0];
        @category = @this;
    }
    if (defined $account) {
        @header = row('account', lc $account);
        return { verdict => 'hold', reason => 'unknown account' } if !@header;
        $addressed{ $header[0] } = $header[1];
    }
    for my $text (@Recipients) {
        my $key = lc $text;
        $key =~ s/^<|>$//g;
        if ($key !~ /^(.*)\@\Q$domain\E$/) {
            push @people, [$text, $key];
            next;
        }
        my @row = row('account', $1);
        return { verdict => 'hold', reason => 'unknown or another account' }
            if !@row || @header && $row[0] != $header[0];
        $addressed{ $row[0] } = $row[1];
        push @{ $d{deletes} }, $text;
    }
    $known = %addressed;
    for (@people) {
        my ($text, $key) = @$_;
        $sql{member}->execute($key, $category[0]);
        while (my ($number, $role, $link, $chat, $subscribed) =
            $sql{member}->fetchrow_array) {
            $known = 1;
            next if @header && $number != $header[0];
            next if !entitled($role, $subscribed, $category[2]);
            $kept{$key} = 1;
            $mirrored->($role, $link, $chat);
        }
        next if $kept{$key};
        push @{ $d{deletes} }, $text;
        $d{dropped}++;
    }
    for my $number (keys %addressed) {
        push @{ $d{accounts} }, $addressed{$number};
        $sql{people}->execute($number, $category[0]);
        while (my ($address, $key, $role, $link, $chat) =
            $sql{people}->fetchrow_array) {
            next if !entitled($role, 1, $category[2]);
            $d{adds}{$key} = $address if !$kept{$key};
            $mirrored->($role, $link, $chat);
        }
    }
    return { verdict => $known ? 'discard' : 'hold', reason => 'nobody is left' }
        if !%kept && !%{ $d{adds} };
    return { %d, verdict => 'deliver', category => $category[1],
        kept => scalar keys %kept, chats => \%chats };
}

sub carry_out {
    my ($d) = @_;

    if ($d->{verdict} eq 'hold') {
        action_quarantine_entire_message($d->{reason});
        action_discard();
    } elsif ($d->{verdict} eq 'discard') {
        action_discard();
    } else {
        delete_recipient($_) for @{ $d->{deletes} };
        add_recipient("<$_>") for values %{ $d->{adds} };
        add_recipient("<$_\@$mirror>") for values %{ $d->{chats} };
    }
    md_syslog('info', sprintf "%s: category=%s account=%s kept=%d added=%d "
        . 'dropped=%d mirrored=%d verdict=%s', $QueueID, $d->{category} // '-',
        join(',', @{ $d->{accounts} // [] }) || '-', $d->{kept} // 0,
        scalar keys %{ $d->{adds} // {} }, $d->{dropped} // 0,
        scalar keys %{ $d->{chats} // {} }, $d->{verdict});
}

sub filter_end {
    my ($entity) = @_;
    my @tags = $entity->head->get_all('X-Notify-Category') or return;

    chomp @tags;
    if ($RelayAddr !~ /^127\.|^::1$/) {
        action_delete_all_headers($_)
            for 'X-Notify-Category', 'X-Notify-Account';
        return md_syslog('info', "$QueueID: verdict=untrusted");
    }
    my $account = $entity->head->get('X-Notify-Account');
    chomp $account if defined $account;
    my $decision = eval {
        connect_roster();
        $db->begin_work;
        my $d = decide($account, @tags);
        $db->commit;
        $d;
    };
    if (!$decision) {
        md_syslog('err', "$QueueID: verdict=tempfail $@");
        undef $db;
        return action_tempfail('try again later');
    }
    carry_out($decision);
}

1;
