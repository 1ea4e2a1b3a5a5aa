-- The business and its environment. All names, addresses and companies are invented; mailboxes are
-- only under .example and .test (RFC 2606).

-- price_level: units of the currency per euro. National numbers are trunk || the number without its
-- dial code.
create or replace table countries as
select *
from (
    values
        ('DE', 'Germany', 26, '49', '0', 'EUR', 1.0, 0.19, 'de-DE', 2, ['1511', '160', '171'], ['30', '40', '89'], ['posteo.example', 'web-mail.example', 'nordnetz.example']),
        ('US', 'United States', 19, '1', '', 'USD', 1.1, 0.08, 'en-US', 2, ['2125', '3125', '4155'], ['6175', '2065', '3035'], ['mailhub.example', 'fastpost.example', 'bluebird.example']),
        ('GB', 'United Kingdom', 14, '44', '0', 'GBP', 0.85, 0.2, 'en-GB', 2, ['740', '745', '774'], ['207', '208', '203'], ['postbox.example', 'mailhub.example', 'thames.example']),
        ('FR', 'France', 13, '33', '0', 'EUR', 1.0, 0.2, 'fr-FR', 2, ['61', '62', '64'], ['14', '42', '49'], ['courriel.example', 'boite.example', 'mailhub.example']),
        ('NL', 'Netherlands', 9, '31', '0', 'EUR', 1.0, 0.21, 'nl-NL', 2, ['61', '62', '64'], ['20', '10', '30'], ['postbus.example', 'mailhub.example', 'zeepost.example']),
        ('PL', 'Poland', 8, '48', '', 'PLN', 4.3, 0.23, 'pl-PL', 2, ['50', '60', '72'], ['22', '12', '61'], ['poczta.example', 'mailhub.example', 'wisla.example']),
        ('JP', 'Japan', 5, '81', '0', 'JPY', 160.0, 0.1, 'ja-JP', 0, ['903', '804', '705'], ['33', '35', '66'], ['tegami.example', 'mailhub.example', 'sakura.example']),
        ('BR', 'Brazil', 6, '55', '0', 'BRL', 6.0, 0.17, 'pt-BR', 2, ['1198', '2199', '3197'], ['112', '213', '313'], ['correio.example', 'mailhub.example', 'ipe.example'])
) as country (
    country_code, country_name, weight, dial_code, trunk, currency, price_level, tax_rate, locale, money_digits,
    mobile_prefixes, landline_prefixes, mail_domains
);

-- One row per percent, so that a weighted choice is a join on a whole number.
create or replace table country_slots as
select
    row_number() over (order by country_code, unit) as slot,
    country_code,
from (select country_code, unnest(range(weight)) as unit from countries) as units;

-- One row per unit of a city's weight.
create or replace table city_slots as
select
    country_code,
    row_number() over (partition by country_code order by city, unit) as slot,
    city, region, postal_pattern,
from (
    select country_code, city, region, postal_pattern, unnest(range(weight)) as unit
    from (
        values
            ('DE', 'Berlin', 'BE', '10###', 6), ('DE', 'Hamburg', 'HH', '20###', 4), ('DE', 'München', 'BY', '80###', 4),
            ('DE', 'Köln', 'NW', '50###', 3), ('DE', 'Leipzig', 'SN', '04###', 2), ('DE', 'Würzburg', 'BY', '97###', 1),
            ('US', 'New York', 'NY', '10###', 5), ('US', 'Chicago', 'IL', '606##', 3), ('US', 'San Francisco', 'CA', '941##', 3),
            ('US', 'Boston', 'MA', '021##', 2), ('US', 'Seattle', 'WA', '981##', 2), ('US', 'Denver', 'CO', '802##', 1),
            ('GB', 'London', 'ENG', 'SW# #@@', 6), ('GB', 'Manchester', 'ENG', 'M# #@@', 3), ('GB', 'Edinburgh', 'SCT', 'EH# #@@', 2),
            ('GB', 'Cardiff', 'WLS', 'CF# #@@', 1),
            ('FR', 'Paris', 'IDF', '750##', 6), ('FR', 'Lyon', 'ARA', '690##', 3), ('FR', 'Orléans', 'CVL', '450##', 1),
            ('FR', 'Nîmes', 'OCC', '300##', 1), ('FR', 'Lille', 'HDF', '590##', 2),
            ('NL', 'Amsterdam', 'NH', '10## @@', 4), ('NL', 'Rotterdam', 'ZH', '30## @@', 3), ('NL', 'Utrecht', 'UT', '35## @@', 2),
            ('NL', '''s-Hertogenbosch', 'NB', '52## @@', 1),
            ('PL', 'Warszawa', 'MZ', '00-###', 4), ('PL', 'Kraków', 'MA', '30-###', 3), ('PL', 'Łódź', 'LD', '90-###', 2),
            ('PL', 'Gdańsk', 'PM', '80-###', 2),
            ('JP', 'Tokyo', 'Tokyo', '100-####', 5), ('JP', 'Osaka', 'Osaka', '530-####', 3), ('JP', '京都市', '京都府', '600-####', 2),
            ('BR', 'São Paulo', 'SP', '01###-000', 5), ('BR', 'Rio de Janeiro', 'RJ', '20###-000', 3), ('BR', 'Brasília', 'DF', '70###-000', 2)
    ) as city (country_code, city, region, postal_pattern, weight)
) as units;

create or replace table streets as
select country_code, unnest(names) as street, generate_subscripts(names, 1) as idx, number_first,
from (
    values
        ('DE', ['Lindenstraße', 'Hauptstraße', 'Am Mühlbach', 'Goethestraße', 'Bahnhofstraße', 'Kirchweg', 'Gartenstraße', 'Schillerallee'], false),
        ('US', ['Maple Street', 'Oak Avenue', 'Washington Street', 'Lake Drive', 'Cedar Lane', 'Park Avenue', 'Hill Road', 'Sunset Boulevard'], true),
        ('GB', ['High Street', 'Station Road', 'Church Lane', 'Victoria Road', 'Mill Lane', 'Queen Street', 'The Green', 'Park Road'], true),
        ('FR', ['rue de la République', 'avenue Victor Hugo', 'rue des Écoles', 'place de l''Église', 'rue du Moulin', 'allée des Tilleuls', 'rue Pasteur', 'quai de Seine'], true),
        ('NL', ['Dorpsstraat', 'Kerkstraat', 'Molenweg', 'Stationsweg', 'Julianalaan', 'Prinsengracht', 'Schoolstraat', 'Beukenlaan'], false),
        ('PL', ['ul. Polna', 'ul. Leśna', 'ul. Słoneczna', 'ul. Krótka', 'ul. Szkolna', 'ul. Ogrodowa', 'ul. Lipowa', 'ul. Brzozowa'], false),
        ('JP', ['本町', '中央', '緑町', 'Honcho', 'Chuo', 'Midoricho', 'Sakaecho', 'Asahicho'], false),
        ('BR', ['Rua das Flores', 'Avenida Brasil', 'Rua São João', 'Rua da Praia', 'Travessa do Comércio', 'Avenida Atlântica', 'Rua XV de Novembro', 'Rua do Sol'], false)
) as street (country_code, names, number_first);

-- latin: how the name is written in a mailbox, and by a clerk without a matching keyboard.
create or replace table given_names as
select country_code, gender, unnest(names) as given_name, unnest(latin) as latin, generate_subscripts(names, 1) as idx,
from (
    select country_code, gender, names, coalesce(latin, names) as latin
    from (
        values
            ('DE', 'f', ['Anna', 'Sophie', 'Katharina', 'Jürgensine', 'Lena', 'Käthe', 'Johanna', 'Elisabeth', 'Marlene', 'Änne', 'Greta', 'Helene', 'Susanne', 'Birgit', 'Franziska', 'Theresa', 'Clara', 'Margarete', 'Ida', 'Frieda', 'Luise', 'Antonia', 'Sabine', 'Heike'], null),
            ('DE', 'm', ['Jürgen', 'Thomas', 'Maximilian', 'Johannes', 'Björn', 'Stefan', 'Alexander', 'Götz', 'Matthias', 'Sebastian', 'Jörg', 'Friedrich', 'Paul', 'Lukas', 'Andreas', 'Christian', 'Tobias', 'Benedikt', 'Moritz', 'Rüdiger', 'Hans', 'Felix', 'Niklas', 'Uwe'], null),
            ('US', 'f', ['Elizabeth', 'Jennifer', 'Katherine', 'Margaret', 'Jessica', 'Olivia', 'Abigail', 'Samantha', 'Victoria', 'Patricia', 'Rebecca', 'Susan', 'Emma', 'Madison', 'Deborah', 'Christina', 'Alexandra', 'Grace', 'Hannah', 'Zoë', 'Maria', 'Stephanie', 'Barbara', 'Natalie'], null),
            ('US', 'm', ['William', 'Robert', 'James', 'Michael', 'Christopher', 'Joseph', 'Anthony', 'Daniel', 'Benjamin', 'Matthew', 'Nicholas', 'Alexander', 'Jonathan', 'Samuel', 'Thomas', 'José', 'Edward', 'Richard', 'Andrew', 'Jacob', 'Timothy', 'Gregory', 'Charles', 'Kenneth'], null),
            ('GB', 'f', ['Elizabeth', 'Charlotte', 'Eleanor', 'Catherine', 'Margaret', 'Imogen', 'Florence', 'Harriet', 'Siân', 'Victoria', 'Rebecca', 'Isobel', 'Gemma', 'Poppy', 'Alice', 'Beatrice', 'Deborah', 'Philippa', 'Rosemary', 'Susan', 'Joanna', 'Frances', 'Hazel', 'Nora'], null),
            ('GB', 'm', ['William', 'Robert', 'Edward', 'Oliver', 'James', 'Thomas', 'Nicholas', 'Alistair', 'Benjamin', 'Christopher', 'Daniel', 'Frederick', 'George', 'Henry', 'Joseph', 'Matthew', 'Michael', 'Rhys', 'Samuel', 'Timothy', 'Andrew', 'Anthony', 'Hugh', 'Graham'], null),
            ('FR', 'f', ['Élodie', 'Camille', 'Chloé', 'Marie', 'Hélène', 'Amélie', 'Juliette', 'Zoé', 'Margaux', 'Léa', 'Inès', 'Aurélie', 'Françoise', 'Geneviève', 'Noémie', 'Catherine', 'Véronique', 'Brigitte', 'Solène', 'Maëlle', 'Agnès', 'Clémence', 'Alexandra', 'Louise'], null),
            ('FR', 'm', ['François', 'Jérôme', 'Benoît', 'Théo', 'Rémi', 'Gaël', 'Nicolas', 'Frédéric', 'Sébastien', 'Étienne', 'Alexandre', 'Maxime', 'Clément', 'Loïc', 'Guillaume', 'Mathieu', 'Antoine', 'Grégoire', 'Léon', 'Noël', 'Olivier', 'Philippe', 'Hugo', 'Raphaël'], null),
            ('NL', 'f', ['Anneke', 'Femke', 'Sanne', 'Liesbeth', 'Marijke', 'Noor', 'Fleur', 'Eva', 'Roos', 'Tessa', 'Maaike', 'Renée', 'Elisabeth', 'Saskia', 'Wilhelmina', 'Hanneke', 'Katrijn', 'Iris', 'Lotte', 'Merel', 'Jolanda', 'Johanna', 'Mirjam', 'Zoë'], null),
            ('NL', 'm', ['Daan', 'Willem', 'Jeroen', 'Sander', 'Pieter', 'Joost', 'Bram', 'Maarten', 'Hendrik', 'Luuk', 'Niels', 'Ruben', 'Thijs', 'Wouter', 'Cornelis', 'René', 'Stijn', 'Gijs', 'Jan', 'Koen', 'Matthijs', 'Johannes', 'Floris', 'André'], null),
            ('PL', 'f', ['Agnieszka', 'Małgorzata', 'Katarzyna', 'Joanna', 'Elżbieta', 'Zofia', 'Anna', 'Magdalena', 'Barbara', 'Ewa', 'Krystyna', 'Monika', 'Aleksandra', 'Natalia', 'Julia', 'Wiktoria', 'Bożena', 'Grażyna', 'Dorota', 'Halina', 'Jadwiga', 'Kinga', 'Renata', 'Żaneta'], null),
            ('PL', 'm', ['Paweł', 'Michał', 'Łukasz', 'Krzysztof', 'Andrzej', 'Tomasz', 'Jakub', 'Wojciech', 'Zbigniew', 'Stanisław', 'Marcin', 'Grzegorz', 'Rafał', 'Kamil', 'Mateusz', 'Bartłomiej', 'Sławomir', 'Aleksander', 'Jan', 'Piotr', 'Szymon', 'Józef', 'Adam', 'Mikołaj'], null),
            ('JP', 'f', ['陽子', '美咲', '恵子', '由美', '愛', '直美', '久美子', '裕子', '真由美', '彩', '桜', '結衣', '千尋', '花子', '智子', '麻衣'], ['Yoko', 'Misaki', 'Keiko', 'Yumi', 'Ai', 'Naomi', 'Kumiko', 'Yuko', 'Mayumi', 'Aya', 'Sakura', 'Yui', 'Chihiro', 'Hanako', 'Tomoko', 'Mai']),
            ('JP', 'm', ['健太', '大輔', '翔太', '直樹', '誠', '浩', '隆', '拓也', '一郎', '哲也', '和也', '修', '蓮', '太郎', '聡', '剛'], ['Kenta', 'Daisuke', 'Shota', 'Naoki', 'Makoto', 'Hiroshi', 'Takashi', 'Takuya', 'Ichiro', 'Tetsuya', 'Kazuya', 'Osamu', 'Ren', 'Taro', 'Satoshi', 'Tsuyoshi']),
            ('BR', 'f', ['Ana', 'Fernanda', 'Juliana', 'Letícia', 'Patrícia', 'Mariana', 'Beatriz', 'Camila', 'Lúcia', 'Conceição', 'Luíza', 'Vitória', 'Antônia', 'Márcia', 'Cláudia', 'Débora', 'Helena', 'Inês', 'Lívia', 'Sônia', 'Tânia', 'Raquel', 'Flávia', 'Elisabete'], null),
            ('BR', 'm', ['João', 'José', 'Antônio', 'Luís', 'Gustavo', 'Felipe', 'Thiago', 'Rodrigo', 'André', 'Vinícius', 'Otávio', 'Caetano', 'Fábio', 'Flávio', 'Júlio', 'Leandro', 'Márcio', 'Murilo', 'Rogério', 'Sérgio', 'Alexandre', 'Estêvão', 'Tomás', 'Ângelo'], null),
            -- XX: people whose name is not written in Latin letters, wherever they live.
            ('XX', 'f', ['Елена', 'Ольга', 'Наталья', 'Ελένη', 'Μαρία', 'فاطمة', 'ليلى', '王芳', '李娜', '김지영'], ['Elena', 'Olga', 'Natalya', 'Eleni', 'Maria', 'Fatima', 'Layla', 'Fang', 'Na', 'Jiyoung']),
            ('XX', 'm', ['Дмитрий', 'Сергей', 'Алексей', 'Γιώργος', 'Νίκος', 'محمد', 'أحمد', '王伟', '李强', '김민수'], ['Dmitri', 'Sergei', 'Aleksei', 'Giorgos', 'Nikos', 'Mohammed', 'Ahmed', 'Wei', 'Qiang', 'Minsu'])
    ) as name (country_code, gender, names, latin)
) as listed;

-- Family names combine beginnings and endings, so that a million people do not share forty names.
create or replace table family_names as
with parts as (
    select *
    from (
        values
            ('DE', ['Stein', 'Berg', 'Hoff', 'Brück', 'Eich', 'Lind', 'Kirch', 'Ober', 'Neu', 'Wald', 'Mühl', 'Schön', 'Grün', 'Stroh', 'Rosen', 'Acker', 'Feld', 'Hart', 'König', 'Weiß', 'Kel', 'Bau', 'Rieth', 'Schmid', 'Vogel'], ['mann', 'meier', 'bauer', 'er', 'müller', 'hofer', 'mayr', 'ler', 'inger', 'bach', 'hagen', 'huber']),
            ('US', ['Ash', 'Brad', 'Black', 'Cole', 'Dal', 'East', 'Fair', 'Gar', 'Hart', 'Jack', 'Kings', 'Lang', 'Mar', 'Nor', 'Old', 'Peter', 'Rich', 'Stan', 'Thorn', 'Whit', 'Win', 'Young', 'Hamil', 'Mc', 'O''Neal'], ['son', 'ford', 'ton', 'well', 'wood', 'ley', 'man', 'field', 'worth', 'more', 'brook', 'stone']),
            ('GB', ['Ash', 'Brad', 'Black', 'Cold', 'Dal', 'East', 'Fair', 'Gos', 'Hard', 'Ings', 'Kir', 'Lang', 'Mar', 'Nor', 'Old', 'Pem', 'Red', 'Stan', 'Thorn', 'Whit', 'Wal', 'Yar', 'Hol', 'Mac', 'Wey'], ['combe', 'ford', 'ton', 'well', 'wood', 'ley', 'ham', 'field', 'worth', 'by', 'brook', 'shaw']),
            ('FR', ['Du', 'Le', 'La', 'Beau', 'Bon', 'Char', 'Cler', 'Del', 'Fon', 'Gros', 'Mar', 'Mont', 'Petit', 'Roche', 'Saint-', 'Val', 'Ver', 'Bel', 'Des', 'Lefè', 'Pré', 'Ché', 'Tré', 'Bré', 'Gué'], ['bois', 'champs', 'fort', 'martin', 'pont', 'ville', 'rier', 'vert', 'mont', 'net', 'lair', 'mière']),
            ('NL', ['van der ', 'de ', 'van den ', 'van ', 'ter ', 'Ver', 'Bos', 'Kok', 'Dijk', 'Haan', 'Wil', 'Slot'], ['Berg', 'Meer', 'Velden', 'Linden', 'Brink', 'Horst', 'Heijden', 'Poel', 'Wal', 'Broek', 'Vries', 'Meulen', 'Kamp', 'Ven', 'Stra', 'Laan']),
            ('PL', ['Kowal', 'Wiśn', 'Dąbr', 'Lewand', 'Zieliń', 'Szymań', 'Woźni', 'Kozł', 'Jankow', 'Mazur', 'Krawcz', 'Piotr', 'Grab', 'Nowak', 'Pawł', 'Michal', 'Król', 'Wiecz', 'Jabłoń', 'Wróbl', 'Majew', 'Olsz', 'Stęp', 'Malin', 'Jawor'], ['owicz', 'ewicz', 'czyk', 'iak', 'ik', 'ek', 'uk', 'ec', 'an', 'asz', 'orz', 'iec']),
            ('BR', ['Silva', 'Santos', 'Oliveira', 'Souza', 'Araújo', 'Conceição', 'Magalhães', 'Gonçalves', 'Assunção', 'Ribeiro', 'Carvalho', 'Almeida', 'Lopes', 'Simões', 'Barbosa', 'Cardoso', 'Teixeira', 'Moraes', 'Nóbrega', 'Freitas'], [' da Silva', ' dos Santos', ' Pereira', ' Costa', ' Lima', ' Ferreira', ' Rocha', ' Nascimento', ' Guimarães', ' Brandão', ' Melo', ' Xavier'])
    ) as part (country_code, beginnings, endings)
),

joined as (
    select
        country_code,
        case when country_code = 'NL' and beginning in ('Ver', 'Bos', 'Kok', 'Dijk', 'Haan', 'Wil', 'Slot')
            then beginning || lower(ending) else beginning || ending end as family_name,
    from (select country_code, unnest(beginnings) as beginning, endings from parts) as beginnings
    cross join unnest(endings) as ending (ending)
),

japanese as (
    select first_sign || last_sign as family_name, first_sound || last_sound as latin,
    from (values ('田', 'Ta'), ('山', 'Yama'), ('中', 'Naka'), ('小', 'O'), ('松', 'Matsu'), ('高', 'Taka'), ('石', 'Ishi'), ('森', 'Mori'), ('藤', 'Fuji'), ('上', 'Ue'), ('西', 'Nishi'), ('北', 'Kita'), ('竹', 'Take'), ('吉', 'Yoshi')) as first_part (first_sign, first_sound)
    cross join (values ('本', 'moto'), ('村', 'mura'), ('田', 'da'), ('川', 'kawa'), ('野', 'no'), ('島', 'shima'), ('井', 'i'), ('原', 'hara'), ('口', 'guchi'), ('崎', 'saki'), ('谷', 'tani'), ('木', 'ki')) as last_part (last_sign, last_sound)
),

listed as (
    select country_code, family_name, family_name as latin from joined
    union all
    select 'JP', family_name, latin from japanese
    union all
    select 'XX', family_name, latin
    from (values ('Иванов', 'Ivanov'), ('Смирнова', 'Smirnova'), ('Кузнецов', 'Kuznetsov'), ('Παπαδόπουλος', 'Papadopoulos'), ('Οικονόμου', 'Oikonomou'), ('الحسن', 'Al-Hasan'), ('خوري', 'Khoury'), ('张', 'Zhang'), ('陈', 'Chen'), ('박', 'Park')) as name (family_name, latin)
)

select country_code, family_name, latin, row_number() over (partition by country_code order by md5(family_name)) as idx,
from listed;

create or replace table nicknames as
select *
from (
    values
        ('Elizabeth', 'Liz'), ('Elisabeth', 'Lisa'), ('William', 'Bill'), ('Robert', 'Bob'), ('James', 'Jim'), ('Michael', 'Mike'),
        ('Christopher', 'Chris'), ('Joseph', 'Joe'), ('Anthony', 'Tony'), ('Daniel', 'Dan'), ('Benjamin', 'Ben'), ('Matthew', 'Matt'),
        ('Nicholas', 'Nick'), ('Alexander', 'Alex'), ('Jonathan', 'Jon'), ('Samuel', 'Sam'), ('Thomas', 'Tom'), ('Edward', 'Ted'),
        ('Richard', 'Dick'), ('Andrew', 'Andy'), ('Jacob', 'Jake'), ('Timothy', 'Tim'), ('Gregory', 'Greg'), ('Charles', 'Chuck'),
        ('Kenneth', 'Ken'), ('Jennifer', 'Jen'), ('Katherine', 'Kate'), ('Catherine', 'Cathy'), ('Margaret', 'Peggy'),
        ('Jessica', 'Jess'), ('Abigail', 'Abby'), ('Samantha', 'Sam'), ('Victoria', 'Vicky'), ('Patricia', 'Pat'), ('Rebecca', 'Becky'),
        ('Susan', 'Sue'), ('Deborah', 'Debbie'), ('Christina', 'Tina'), ('Alexandra', 'Sandra'), ('Stephanie', 'Steph'),
        ('Barbara', 'Barb'), ('Eleanor', 'Nell'), ('Charlotte', 'Lottie'), ('Harriet', 'Hattie'), ('Florence', 'Flo'), ('Philippa', 'Pippa'),
        ('Frederick', 'Fred'), ('George', 'Georgie'), ('Henry', 'Harry'), ('Alistair', 'Ali'), ('Maximilian', 'Max'),
        ('Johannes', 'Hannes'), ('Sebastian', 'Basti'), ('Matthias', 'Matze'), ('Friedrich', 'Fritz'), ('Katharina', 'Kathi'),
        ('Johanna', 'Hanna'), ('Margarete', 'Gretel'), ('Franziska', 'Franzi'), ('Susanne', 'Susi'), ('Andreas', 'Andi'), ('Stefan', 'Steff'),
        ('Nicolas', 'Nico'), ('Frédéric', 'Fred'), ('Alexandre', 'Alex'), ('Sébastien', 'Seb'), ('Guillaume', 'Guigui'), ('Élodie', 'Elo'),
        ('Amélie', 'Amé'), ('Willem', 'Wim'), ('Cornelis', 'Kees'), ('Hendrik', 'Henk'), ('Wilhelmina', 'Mina'), ('Liesbeth', 'Bets'),
        ('Agnieszka', 'Aga'), ('Małgorzata', 'Gosia'), ('Katarzyna', 'Kasia'), ('Joanna', 'Asia'), ('Aleksandra', 'Ola'), ('Magdalena', 'Magda'),
        ('Krzysztof', 'Krzysiek'), ('Wojciech', 'Wojtek'), ('Stanisław', 'Staszek'), ('Jakub', 'Kuba'), ('Tomasz', 'Tomek'), ('Grzegorz', 'Grzesiek'),
        ('José', 'Zé'), ('Antônio', 'Toninho'), ('Fernanda', 'Nanda'), ('Gustavo', 'Guga'), ('Beatriz', 'Bia'), ('Rodrigo', 'Digo')
) as nickname (given_name, nickname);

-- The shop sells six categories. Prices are in euro and include tax.
create or replace table products as
select
    row_number() over (order by category_no, item_no) as product_no,
    category_no, category, product_name, price,
    upper(left(category, 3)) || '-' || lpad(cast(item_no as varchar), 3, '0') as sku,
    cast(8100000000000 + category_no * 1000 + item_no as varchar) as product_id,
from (
    select category_no, category, unnest(items) as product_name, unnest(prices) as price, generate_subscripts(items, 1) as item_no
    from (
        values
            (1, 'coffee', ['House Espresso 1 kg', 'Ethiopia Sidamo 250 g', 'Decaf Blend 500 g', 'Cold Brew Bags', 'Hand Grinder', 'Filter Papers 100', 'Moka Pot', 'Barista Scale'], [19.9, 11.5, 14.9, 9.9, 54.0, 4.5, 32.0, 45.0]),
            (2, 'tea', ['Sencha First Harvest', 'Darjeeling 100 g', 'Rooibos Vanilla', 'Earl Grey Tin', 'Glass Teapot', 'Matcha Set', 'Herbal Sampler', 'Tea Timer'], [16.9, 9.9, 6.9, 8.5, 29.0, 42.0, 12.9, 7.5]),
            (3, 'kitchen', ['Cast Iron Pan', 'Chef''s Knife', 'Oak Board', 'Linen Towels', 'Dutch Oven', 'Spice Mill', 'Storage Jars', 'Bread Basket'], [59.0, 89.0, 35.0, 18.0, 149.0, 24.0, 21.0, 28.0]),
            (4, 'garden', ['Pruning Shears', 'Seed Box', 'Watering Can', 'Herb Planter', 'Garden Gloves', 'Bird House', 'Raised Bed', 'Hose Reel'], [27.0, 14.0, 33.0, 22.0, 9.0, 39.0, 119.0, 64.0]),
            (5, 'outdoor', ['Two-Person Tent', 'Sleeping Mat', 'Head Torch', 'Trail Bottle', 'Camp Stove', 'Hammock', 'Rain Cape', 'Dry Bag'], [189.0, 69.0, 34.0, 19.0, 79.0, 49.0, 44.0, 25.0]),
            (6, 'office', ['Standing Desk', 'Desk Lamp', 'Notebook Set', 'Fountain Pen', 'Ergonomic Chair', 'Cable Tray', 'Whiteboard', 'Monitor Arm'], [399.0, 59.0, 15.0, 39.0, 329.0, 17.0, 75.0, 99.0])
    ) as shelf (category_no, category, items, prices)
) as listed;

-- Sales are higher before Christmas and lower in summer.
create or replace table months as
select *
from (
    values
        (1, 0.70), (2, 0.65), (3, 0.75), (4, 0.80), (5, 0.85), (6, 0.80),
        (7, 0.60), (8, 0.60), (9, 0.75), (10, 0.80), (11, 1.00), (12, 1.00)
) as month (month_no, weight);

create or replace table ad_campaigns as
select *
from (
    values
        (1, 'google', 'brand_search', 'SEARCH', 0.42), (2, 'google', 'coffee_search', 'SEARCH', 0.71), (3, 'google', 'garden_search', 'SEARCH', 0.66),
        (4, 'google', 'office_shopping', 'SHOPPING', 0.93), (5, 'google', 'kitchen_shopping', 'SHOPPING', 0.58), (6, 'google', 'retargeting_display', 'DISPLAY', 0.24),
        (7, 'meta', 'prospecting_lookalike', 'OUTCOME_SALES', 0.81), (8, 'meta', 'retargeting_carts', 'OUTCOME_SALES', 0.49),
        (9, 'meta', 'summer_outdoor', 'OUTCOME_TRAFFIC', 0.37), (10, 'meta', 'gift_season', 'OUTCOME_SALES', 0.88)
) as campaign (campaign_no, platform, campaign_name, campaign_type, cost_per_click);

create or replace table user_agents as
select *
from (
    values
        (1, false, 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36'),
        (2, false, 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15'),
        (3, false, 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Mobile/15E148 Safari/604.1'),
        (4, false, 'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Mobile Safari/537.36'),
        (5, false, 'Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0'),
        (6, false, 'Mozilla/5.0 (iPad; CPU OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Mobile/15E148 Safari/604.1'),
        (101, true, 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'),
        (102, true, 'Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)'),
        (103, true, 'Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)'),
        (104, true, 'python-requests/2.32.3')
) as agent (agent_no, is_bot, user_agent);

create or replace table sales_reps as
select *
from (
    values
        (1, 'Frauke', 'Petersen'), (2, 'Marc', 'Delaunay'), (3, 'Hazel', 'Whitcombe'), (4, 'Wout', 'Terhorst'),
        (5, 'Ewa', 'Malinowicz'), (6, 'Caio', 'Brandão'), (7, 'Jordan', 'Hartwell'), (8, 'Ren', 'Takamura')
) as rep (rep_no, given_name, family_name);

-- The four agents who answer tickets.
create or replace table support_agents as
select *
from (values (1, 'Nora Lindbach'), (2, 'Hugo Fontclair'), (3, 'Bram Verbroek'), (4, 'Poppy Redshaw')) as agent (agent_no, agent_name);

create or replace table deal_stages as
select *
from (
    values
        ('default', 'appointmentscheduled', 'Appointment scheduled', 0, false, 0.2), ('default', 'qualifiedtobuy', 'Qualified to buy', 1, false, 0.4),
        ('default', 'presentationscheduled', 'Presentation scheduled', 2, false, 0.6), ('default', 'contractsent', 'Contract sent', 3, false, 0.9),
        ('default', 'closedwon', 'Closed won', 4, true, 1.0), ('default', 'closedlost', 'Closed lost', 5, true, 0.0),
        ('renewal', 'renewaldue', 'Renewal due', 0, false, 0.5), ('renewal', 'renewaloffer', 'Renewal offered', 1, false, 0.8),
        ('renewal', 'renewalwon', 'Renewed', 2, true, 1.0), ('renewal', 'renewallost', 'Not renewed', 3, true, 0.0)
) as stage (pipeline_id, stage_id, stage_name, stage_order, is_closed, probability);
