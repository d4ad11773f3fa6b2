"""Commands that nobody would think of, made up by chance and the same for a seed.

Owns the shapes of random documents, queries, updates and pipelines. Small alphabets, so that paths meet
arrays, types meet types, and updates meet each other. Read next: `differential.py`.
"""
import random

from bson import Decimal128, Int64, MinKey, Regex, Timestamp

from differential_cases import DAY, OID, aggregate, find, index, insert, update


class Chance:
    """Documents, queries, updates and pipelines that nobody would think of; the same for a seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.pick = self.random.choice

    def scalar(self):
        return self.pick([None, True, False, 0, 1, 2, 3, -1, 1.0, 2.5, Int64(2), Int64(10), Decimal128('2'), Decimal128('2.5'), 'a', 'b', 'ab', '', OID, DAY, Regex('a'), float('nan'), MinKey(), b'x', Timestamp(1, 1)])

    def value(self, depth=0):
        kind = self.random.random()
        if depth > 2 or kind < .6:
            return self.scalar() if self.random.random() < .4 else self.pick([1, 2, 3, 'a', 'b', None])
        if kind < .8:
            return [self.value(depth + 1) for _ in range(self.random.randrange(4))]
        return self.fields(depth + 1)

    def fields(self, depth=0):
        return {self.pick('abcd') if self.random.random() < .95 else self.pick('012'): self.value(depth) for _ in range(self.random.randrange(4))}

    def path(self):
        parts = [self.pick('abcd') if self.random.random() < .9 or i == 0 else self.pick('012') for i in range(self.pick([1, 1, 1, 2, 2, 3]))]
        return '.'.join(parts)

    def number(self):
        return self.pick([0, 1, 2, 5, -3, 1.5, Int64(7), Decimal128('1.5'), Decimal128('3')])

    def test(self, depth=0):
        value = self.value(1)
        return self.pick([
            lambda: {'$eq': value}, lambda: {'$gt': value}, lambda: {'$gte': value}, lambda: {'$lt': value}, lambda: {'$lte': value}, lambda: {'$ne': value},
            lambda: {'$in': [self.value(1) for _ in range(self.random.randrange(4))]}, lambda: {'$nin': [self.value(1) for _ in range(self.random.randrange(3))]},
            lambda: {'$exists': self.pick([True, False])}, lambda: {'$type': self.pick(['string', 'number', 'array', 'object', 'null', 'int', 'double', 'bool', 16, 'long', 'decimal'])},
            lambda: {'$size': self.random.randrange(4)}, lambda: {'$mod': [self.pick([1, 2, 3]), self.pick([0, 1])]}, lambda: {'$all': [self.value(1) for _ in range(self.random.randrange(3))]},
            lambda: {'$elemMatch': self.query(2) if self.random.random() < .5 else self.test(depth + 1)} if depth < 2 else {'$gt': 1},
            lambda: {'$not': self.test(depth + 1)} if depth < 2 else {'$lt': 1}, lambda: {'$regex': self.pick(['a', '^a', 'b$', 'A', '[ab]+']), '$options': self.pick(['', 'i'])},
            lambda: {'$gt': self.number(), '$lt': self.number()}, lambda: {'$bitsAllSet': self.pick([1, 2, 3])}, lambda: {'$bitsAnyClear': [0, 1]}])()

    def query(self, depth=0):
        query = {}
        for _ in range(self.pick([1, 1, 1, 2])):
            kind = self.random.random()
            if kind < .15 and depth < 2:
                query[self.pick(['$and', '$or', '$nor'])] = [self.query(depth + 1) for _ in range(self.pick([1, 2]))]
            elif kind < .45:
                query[self.path()] = self.value(1)
            else:
                query[self.path()] = self.test()
        return query

    def update(self):
        update = {}
        for _ in range(self.pick([1, 1, 2, 3])):
            operator = self.pick(['$set', '$set', '$unset', '$inc', '$mul', '$min', '$max', '$rename', '$push', '$push', '$addToSet', '$pull', '$pullAll', '$pop', '$bit', '$setOnInsert'])
            argument = {
                '$set': lambda: self.value(1), '$setOnInsert': lambda: self.value(1), '$unset': lambda: '', '$inc': self.number, '$mul': self.number, '$min': lambda: self.value(1), '$max': lambda: self.value(1),
                '$rename': self.path, '$push': lambda: self.pick([self.value(1), {'$each': [self.value(1), self.value(1)], '$slice': self.pick([-2, 0, 2, 5])}, {'$each': [3, 1], '$sort': self.pick([1, -1, {'a': 1}])}, {'$each': [7], '$position': self.pick([0, 1, -1])}]),
                '$addToSet': lambda: self.pick([self.value(1), {'$each': [self.value(1), self.value(1)]}]), '$pull': lambda: self.pick([self.value(1), self.test(1), self.query(2)]), '$pullAll': lambda: [self.value(1)], '$pop': lambda: self.pick([1, -1]),
                '$bit': lambda: {self.pick(['and', 'or', 'xor']): self.pick([1, 6, Int64(5)])}}[operator]()
            path = self.path()
            if operator != '$rename' and self.random.random() < .15:
                path = self.pick('abcd') + '.' + self.pick(['$', '$[]', '$[]', '$[].a', '$.b'])
            update.setdefault(operator, {})[path] = argument
        return update

    def expression(self, depth=0):
        if depth > 2 or self.random.random() < .35:
            return self.pick(['$' + '.'.join(p for p in self.path().split('.') if not p.isdigit() or p == 'x') or '$a', '$a', '$b', 1, 2, 2.5, 'a', {'$literal': self.value(1)}])
        inner = lambda: self.expression(depth + 1)
        return self.pick([
            lambda: {self.pick(['$add', '$multiply', '$concat', '$and', '$or', '$concatArrays', '$setUnion', '$mergeObjects', '$max', '$min', '$sum', '$avg']): [inner(), inner()]},
            lambda: {self.pick(['$subtract', '$divide', '$mod', '$eq', '$ne', '$gt', '$gte', '$lt', '$lte', '$cmp', '$arrayElemAt', '$in', '$ifNull', '$split', '$strcasecmp', '$setDifference', '$indexOfArray']): [inner(), inner()]},
            lambda: {self.pick(['$abs', '$ceil', '$floor', '$not', '$type', '$isArray', '$size', '$toString', '$toInt', '$toDouble', '$toBool', '$toUpper', '$strLenCP', '$reverseArray', '$first', '$last', '$sum', '$max', '$objectToArray', '$isNumber', '$trunc', '$round', '$sqrt']): [inner()]},
            lambda: {'$cond': [inner(), inner(), inner()]}, lambda: {'$map': {'input': inner(), 'in': {'v': '$$this', 'w': inner()}}}, lambda: {'$filter': {'input': inner(), 'cond': {'$gt': ['$$this', inner()]}}},
            lambda: {'$slice': [inner(), self.pick([1, 2, -1])]}, lambda: {'x': inner(), 'y': inner()}, lambda: [inner(), inner()]])()

    def stage(self):
        return self.pick([
            lambda: {'$match': self.query()}, lambda: {'$project': {self.path(): self.pick([1, 1, self.expression()]) for _ in range(2)}}, lambda: {'$project': {self.path(): 0}},
            lambda: {'$addFields': {self.pick(['x', 'a', 'b.c', 'a.b']): self.expression()}}, lambda: {'$unset': self.path()}, lambda: {'$unwind': '$' + self.pick('abcd')},
            lambda: {'$unwind': {'path': '$' + self.pick('abcd'), 'preserveNullAndEmptyArrays': True, 'includeArrayIndex': 'i'}}, lambda: {'$sort': {self.path(): self.pick([1, -1]), '_id': 1}},
            lambda: {'$group': {'_id': self.expression(1), 'n': {'$sum': 1}, 's': {'$sum': self.expression(1)}, 'f': {'$first': '$_id'}, 'm': {'$max': '$' + self.pick('abc')}, 'p': {'$push': '$' + self.pick('abc')}}},
            lambda: {'$skip': 1}, lambda: {'$limit': 3}, lambda: {'$count': 'n'}, lambda: {'$replaceWith': {'$ifNull': ['$' + self.pick('abcd'), {'none': 1}]}}])()

    def commands(self, number):
        """What kind of case it is (0 queries, 1 updates, 2 pipelines, 3 expressions), and its commands."""
        documents = [dict(self.fields(), _id=i) for i in range(5)]
        if self.random.random() < .1:
            documents[1] = dict(documents[1], _id=self.value())
        kind = number % 4
        commands = [insert(documents, ordered=False)]
        if self.random.random() < .3:
            commands.append(index({'key': {self.path(): self.pick([1, -1]) for _ in range(self.pick([1, 2]))}, 'name': 'i', 'unique': self.random.random() < .3, 'sparse': self.random.random() < .3}))
        if kind == 0:
            commands += [find(self.query(), sort={'_id': 1}) for _ in range(4)]
            commands += [find({}, sort={self.path(): self.pick([1, -1]), '_id': 1})]
            if len(commands) == 6:  # with an index, mongod counts a missing field as null
                commands += [{'distinct': 'a', 'key': self.path()}]
            commands += [{'count': 'a', 'query': self.query()}]
        elif kind == 1:
            for _ in range(3):
                options = self.pick([{}, {'multi': True}, {'upsert': True}])
                commands += [update(self.update(), self.query(), **options), find(sort={'_id': 1})]
        elif kind == 2:
            commands += [aggregate({'$sort': {'_id': 1}}, *[self.stage() for _ in range(self.pick([1, 1, 2]))], {'$sort': {'_id': 1}}) for _ in range(3)]
        else:
            commands += [aggregate({'$sort': {'_id': 1}}, {'$project': {'r': self.expression()}}) for _ in range(3)]
            commands += [find({'$expr': self.expression()}, sort={'_id': 1}, projection={'_id': 1})]
            commands += [find({}, sort={'_id': 1}, projection={self.path(): 1, self.path(): 1}), find({}, sort={'_id': 1}, projection={self.path(): 0})]
        return kind, commands
