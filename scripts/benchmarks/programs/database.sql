-- A small database in memory: inserts, an index, joins, aggregates, updates, text search.
create table item (id integer primary key, name text, price integer, kind integer);
create table kind (id integer primary key, title text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20)
insert into kind select i, 'kind ' || i from n;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 12000)
insert into item select i, 'item ' || ((i * 7919) % 12007), (i * 104729) % 9973, (i * 31) % 20 + 1 from n;
create index item_name on item (name);
create index item_price on item (price, kind);
select count(*), sum(price), min(name), max(name) from item;
select k.title, count(*), sum(i.price) from item i join kind k on k.id = i.kind group by k.id order by 3 desc limit 5;
update item set price = price + 1 where kind in (3, 5, 7);
select count(*) from item a join item b on a.price = b.price where a.id < b.id;
select sum(length(name)) from item where name like '%99%';
delete from item where price % 3 = 0;
select count(*), total(price) from item where name between 'item 1000' and 'item 5000';
select name from item order by price desc, name limit 3;
