//! Order, queries, updates, projections and pipelines, as tables.

use bson::{Bson, DateTime, Decimal128, Document, Timestamp, bson, doc};

use super::store::{Store, list};

/// Every type in mongod's order, and within a type every kind of difference.
fn in_order() -> Vec<Bson> {
    let regex = |pattern: &str, options: &str| {
        Bson::RegularExpression(bson::Regex {
            pattern: pattern.try_into().unwrap(),
            options: options.try_into().unwrap(),
        })
    };
    let binary = |bytes: &[u8]| {
        Bson::Binary(bson::Binary {
            subtype: bson::spec::BinarySubtype::Generic,
            bytes: bytes.to_vec(),
        })
    };
    let decimal = |text: &str| Bson::Decimal128(text.parse::<Decimal128>().unwrap());
    vec![
        Bson::MinKey,
        Bson::Null,
        bson!(f64::NAN),
        decimal("-Infinity"),
        bson!(-1.5),
        bson!(0),
        decimal("0.1"),
        bson!(0.1), // a hair more than a tenth
        bson!(1_i64),
        decimal("2.5"),
        bson!(3),
        bson!(9_007_199_254_740_992.0),
        bson!(9_007_199_254_740_993_i64),
        decimal("1E+30"),
        bson!(f64::INFINITY),
        bson!(""),
        bson!("a"),
        bson!("ab"),
        bson!("é"),
        bson!({}),
        bson!({ "b": 1 }), // numbers before strings, whatever the names
        bson!({ "a": "x" }),
        bson!({ "a": { "a": 1 } }),
        binary(b"zz"),
        binary(b"aaa"), // the length first
        Bson::ObjectId(bson::oid::ObjectId::from_bytes([1; 12])),
        Bson::ObjectId(bson::oid::ObjectId::from_bytes([2; 12])),
        bson!(false),
        bson!(true),
        Bson::DateTime(DateTime::from_millis(-5)),
        Bson::DateTime(DateTime::from_millis(5)),
        Bson::Timestamp(Timestamp { time: 1, increment: 2 }),
        Bson::Timestamp(Timestamp { time: 2, increment: 1 }),
        regex("a", ""),
        regex("a", "i"),
        Bson::MaxKey,
    ]
}

#[test]
fn values_sort_by_type_and_then_by_value() {
    for index in [false, true] {
        let mut store = Store::memory();
        if index {
            create_index(&mut store, doc! { "v": 1 }, doc! {});
        }
        let values = in_order();
        let count = values.len() as i32;
        // Inserted the wrong way round, so that a sort that does nothing fails.
        let documents = values.iter().enumerate().rev();
        let documents = documents.map(|(i, v)| doc! { "_id": i as i32, "v": v.clone() }).collect();
        store.insert("c", documents);
        for (direction, expected) in
            [(1, (0..count).collect::<Vec<_>>()), (-1, (0..count).rev().collect())]
        {
            let sorted = store.batch(doc! { "find": "c", "sort": { "v": direction } });
            let ids: Vec<i32> = sorted.iter().map(|d| d.get_i32("_id").unwrap()).collect();
            assert_eq!(ids, expected);
        }
    }
}

#[test]
fn arrays_sort_by_their_least_or_greatest_element() {
    let mut store = Store::memory();
    let values = [bson!([5, 1]), bson!(3), bson!([]), bson!([2, 4]), Bson::Null];
    let documents = values.into_iter().enumerate().map(|(i, v)| doc! { "_id": i as i32, "v": v });
    store.insert("c", documents.collect());
    let mut order = |direction: i32| -> Vec<i32> {
        let sorted = store.batch(doc! { "find": "c", "sort": { "v": direction } });
        sorted.iter().map(|document| document.get_i32("_id").unwrap()).collect()
    };
    assert_eq!(order(1), [2, 4, 0, 3, 1]); // the empty array, null, 1, 2, 3
    assert_eq!(order(-1), [0, 3, 1, 4, 2]); // 5, 4, 3, null, the empty array
}

fn create_index(store: &mut Store, key: Document, options: Document) {
    let mut specification = doc! { "key": key, "name": "i" };
    specification.extend(options);
    store.ok(doc! { "createIndexes": "c", "indexes": [specification] });
}

#[test]
fn queries_find_what_mongod_finds() {
    let documents = vec![
        doc! { "_id": 1, "a": [[1, 2]] },
        doc! { "_id": 2, "a": [{ "b": [1, 2] }] },
        doc! { "_id": 3, "a": [] },
        doc! { "_id": 4, "a": [1, 2] },
        doc! { "_id": 5, "a": [{}, { "b": 1 }] },
        doc! { "_id": 6, "a": 5 },
        doc! { "_id": 7 },
        doc! { "_id": 8, "a": null },
        doc! { "_id": 9, "a": [[{ "b": 1 }]] },
        doc! { "_id": 10, "a": { "0": 1 } },
        doc! { "_id": 11, "a": [{ "0": 1 }] },
        doc! { "_id": 12, "a": f64::NAN },
        doc! { "_id": 13, "a": "Élan 7\n" },
    ];
    let table: Vec<(Document, &[i32])> = vec![
        (doc! { "a.0": 1 }, &[4, 10, 11]),
        (doc! { "a.0.0": 1 }, &[1, 11]),
        (doc! { "a.0.b": 1 }, &[2, 9]),
        (doc! { "a.b": 1 }, &[2, 5]),
        (doc! { "a.b": null }, &[5, 6, 7, 8, 10, 11, 12, 13]),
        (doc! { "a": null }, &[7, 8]),
        (doc! { "a": [1, 2] }, &[1, 4]),
        (doc! { "a": { "$gt": 1 } }, &[4, 6]),
        (doc! { "a": { "$gte": null } }, &[7, 8]),
        (doc! { "a": { "$gte": f64::NAN } }, &[12]),
        (doc! { "a": { "$not": { "$gte": 1 } } }, &[1, 2, 3, 5, 7, 8, 9, 10, 11, 12, 13]),
        (doc! { "a": { "$ne": null } }, &[1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13]),
        (doc! { "a": { "$in": [null, 5] } }, &[6, 7, 8]),
        (doc! { "a": { "$nin": [null, 5] } }, &[1, 2, 3, 4, 5, 9, 10, 11, 12, 13]),
        (doc! { "a": { "$exists": false } }, &[7]),
        (doc! { "a.b": { "$exists": true } }, &[2, 5]),
        (doc! { "a": { "$type": "array" } }, &[1, 2, 3, 4, 5, 9, 11]),
        (doc! { "a": { "$type": ["number", 10] } }, &[4, 6, 8, 12]),
        (doc! { "a": { "$size": 0 } }, &[3]),
        (doc! { "a": { "$all": [1, 2] } }, &[4]),
        (doc! { "a": { "$all": [] } }, &[]),
        (doc! { "a": { "$elemMatch": { "b": 1 } } }, &[2, 5]),
        (doc! { "a": { "$elemMatch": { "$gt": 1, "$lt": 3 } } }, &[4]),
        (doc! { "a": { "$mod": [2, 1] } }, &[4, 6]),
        (doc! { "a": { "$regex": "^élan", "$options": "i" } }, &[13]),
        (doc! { "a": { "$regex": r"\d$" } }, &[13]),
        (doc! { "a": { "$regex": "[^a-z]LAN", "$options": "i" } }, &[13]),
        (doc! { "a": { "$bitsAllSet": 5 } }, &[6]),
        (doc! { "$or": [{ "a": 5 }, { "_id": 7 }] }, &[6, 7]),
        (doc! { "$nor": [{ "a": { "$exists": true } }] }, &[7]),
        (doc! { "$and": [{ "a": 1 }, { "a": 2 }] }, &[4]),
        (doc! { "$expr": { "$eq": [{ "$type": "$a" }, "double"] } }, &[12]),
        (doc! { "_id": { "$gt": 11, "$lt": 13 } }, &[12]),
    ];
    // The answer is the same whether an index helps or not.
    for key in
        [None, Some(doc! { "a": 1 }), Some(doc! { "a.b": -1 }), Some(doc! { "a": 1, "_id": 1 })]
    {
        let mut store = Store::memory();
        store.insert("c", documents.clone());
        if let Some(key) = key.clone() {
            create_index(&mut store, key, doc! {});
        }
        for (query, expected) in &table {
            assert_eq!(store.ids("c", query.clone()), *expected, "{query} with index {key:?}");
        }
    }
}

/// A document before, an update, and the document after, or the code and the sentence.
type Update = (Document, Document, Result<Document, (i32, &'static str)>);

fn updates() -> Vec<Update> {
    vec![
        (
            doc! {},
            doc! { "$set": { "z": 1, "y.10": 1, "y.9": 2 } },
            Ok(doc! { "y": { "9": 2, "10": 1 }, "z": 1 }),
        ),
        (doc! { "a": [1] }, doc! { "$set": { "a.3": 1 } }, Ok(doc! { "a": [1, null, null, 1] })),
        (
            doc! { "a": 1 },
            doc! { "$set": { "a.b": 1 } },
            Err((28, "Cannot create field 'b' in element {a: 1}")),
        ),
        (
            doc! {},
            doc! { "$set": { "a.b": 1 }, "$inc": { "a": 1 } },
            Err((40, "Updating the path 'a' would create a conflict at 'a'")),
        ),
        (
            doc! {},
            doc! { "$set": { "_id": 2 } },
            Err((
                66,
                "Performing an update on the path '_id' would modify the immutable field '_id'",
            )),
        ),
        (
            doc! {},
            doc! { "$foo": { "a": 1 } },
            Err((
                9,
                "Unknown modifier: $foo. Expected a valid update modifier or pipeline-style update specified as an array",
            )),
        ),
        (doc! { "a": i32::MAX }, doc! { "$inc": { "a": 1 } }, Ok(doc! { "a": 2_147_483_648_i64 })),
        (
            doc! { "a": i64::MAX },
            doc! { "$inc": { "a": 1 } },
            Err((
                2,
                "Failed to apply $inc operations to current value ((NumberLong)9223372036854775807) for document {_id: 1}",
            )),
        ),
        (
            doc! { "a": "x" },
            doc! { "$inc": { "a": 1 } },
            Err((
                14,
                "Cannot apply $inc to a value of non-numeric type. {_id: 1} has the field 'a' of non-numeric type string",
            )),
        ),
        (doc! { "a": 2 }, doc! { "$mul": { "a": 2.5, "b": 3 } }, Ok(doc! { "a": 5.0, "b": 0 })),
        (
            doc! { "a": 5, "b": 5 },
            doc! { "$min": { "a": 3 }, "$max": { "b": "x", "c": 1 } },
            Ok(doc! { "a": 3, "b": "x", "c": 1 }),
        ),
        (
            doc! { "a": [1, 2], "b": 1 },
            doc! { "$unset": { "a.0": "", "b": "", "c": "" } },
            Ok(doc! { "a": [null, 2] }),
        ),
        (
            doc! { "a": { "b": 1 }, "c": 2 },
            doc! { "$rename": { "a.b": "d.e", "x": "y" } },
            Ok(doc! { "a": {}, "c": 2, "d": { "e": 1 } }),
        ),
        (
            doc! { "a": [1] },
            doc! { "$push": { "a": { "$each": [5, 0], "$sort": 1, "$slice": -2 } } },
            Ok(doc! { "a": [1, 5] }),
        ),
        (
            doc! { "a": [1, 2, 3] },
            doc! { "$push": { "a": { "$each": [9], "$position": -1 } } },
            Ok(doc! { "a": [1, 2, 9, 3] }),
        ),
        (
            doc! { "a": 1 },
            doc! { "$push": { "a": 2 } },
            Err((2, "The field 'a' must be an array but is of type int in document {_id: 1}")),
        ),
        (
            doc! { "a": [1] },
            doc! { "$addToSet": { "a": { "$each": [1.0, 2, 2] } } },
            Ok(doc! { "a": [1, 2] }),
        ),
        (doc! { "a": [1, 2, 3] }, doc! { "$pull": { "a": { "$gt": 1 } } }, Ok(doc! { "a": [1] })),
        (
            doc! { "a": [{ "b": 1, "c": 1 }, { "b": 2 }] },
            doc! { "$pull": { "a": { "b": 1 } } },
            Ok(doc! { "a": [{ "b": 2 }] }),
        ),
        (doc! { "a": [1, 2, 1, 3] }, doc! { "$pullAll": { "a": [1, 3] } }, Ok(doc! { "a": [2] })),
        (
            doc! { "a": [1, 2, 3], "b": [1, 2] },
            doc! { "$pop": { "a": 1, "b": -1 } },
            Ok(doc! { "a": [1, 2], "b": [2] }),
        ),
        (doc! { "a": 13 }, doc! { "$bit": { "a": { "and": 9, "xor": 1 } } }, Ok(doc! { "a": 8 })),
        (doc! { "a": [1, 2, 3] }, doc! { "$set": { "a.$[]": 9 } }, Ok(doc! { "a": [9, 9, 9] })),
        (
            doc! { "a": [1] },
            doc! { "$set": { "a.$": 9 } },
            Err((2, "The positional operator did not find the match needed from the query.")),
        ),
        (doc! { "a": 1 }, doc! { "b": 2 }, Ok(doc! { "b": 2 })),
        (
            doc! {},
            doc! { "_id": 2, "b": 2 },
            Err((
                66,
                "After applying the update, the (immutable) field '_id' was found to have been altered to _id: 2",
            )),
        ),
        (doc! {}, doc! { "$setOnInsert": { "a": 1 } }, Ok(doc! {})),
    ]
}

#[test]
fn updates_do_what_mongod_does() {
    for (before, update, expected) in updates() {
        let mut store = Store::memory();
        let with_id = |fields: &Document| {
            let mut document = doc! { "_id": 1 };
            document.extend(fields.clone());
            document
        };
        store.insert("c", vec![with_id(&before)]);
        let command =
            doc! { "update": "c", "updates": [{ "q": { "_id": 1 }, "u": update.clone() }] };
        match expected {
            Ok(after) => {
                let reply = store.ok(command);
                let modified = i32::from(before != after);
                let counts = (reply.get_i32("n").unwrap(), reply.get_i32("nModified").unwrap());
                assert_eq!(counts, (1, modified), "{update}");
                let found = store.all("c").remove(0);
                // As bytes: the order of fields counts.
                assert_eq!(found.to_vec().unwrap(), with_id(&after).to_vec().unwrap(), "{found}");
            }
            Err((code, sentence)) => {
                assert_eq!(store.error(command), (code, sentence.to_owned()), "{update}");
                assert_eq!(store.all("c"), [with_id(&before)], "{update}");
            }
        }
    }
}

#[test]
fn array_filters_and_the_positional_operator_choose_elements() {
    let mut store = Store::memory();
    store.insert("c", vec![doc! { "_id": 1, "a": [{ "b": 1 }, { "b": 2 }, { "b": 3 }] }]);
    store.ok(doc! { "update": "c", "updates": [
        { "q": { "a.b": 2 }, "u": { "$set": { "a.$.c": "here" } } },
        { "q": {}, "u": { "$inc": { "a.$[x].b": 10 } }, "arrayFilters": [{ "x.b": { "$gte": 2 } }] },
    ] });
    let expected = list([doc! { "b": 1 }, doc! { "b": 12, "c": "here" }, doc! { "b": 13 }]);
    assert_eq!(store.all("c")[0].get("a"), Some(&expected));
    let unused = doc! { "update": "c", "updates": [{ "q": {}, "u": { "$set": { "z": 1 } }, "arrayFilters": [{ "x": 1 }] }] };
    assert_eq!(store.error(unused).0, 9);
    let pipeline = doc! { "update": "c", "updates": [{ "q": {}, "u": [{ "$set": { "n": { "$size": "$a" } } }, { "$unset": "a" }] }] };
    store.ok(pipeline);
    assert_eq!(store.all("c"), [doc! { "_id": 1, "n": 3 }]);
}

#[test]
fn upserts_begin_with_the_equalities_of_the_query() {
    let mut store = Store::memory();
    let query =
        doc! { "_id": 5, "b": { "$eq": 2 }, "a.c": 1, "d": { "$gt": 1 }, "$or": [{ "e": 3 }] };
    let update = doc! { "$set": { "f": 6 }, "$setOnInsert": { "g": 7 } };
    let command = doc! { "update": "c", "updates": [{ "q": query, "u": update, "upsert": true }] };
    let reply = store.ok(command);
    assert_eq!(reply.get_array("upserted").unwrap(), &[bson!({ "index": 0, "_id": 5 })]);
    assert_eq!(
        store.all("c"),
        [doc! { "_id": 5, "a": { "c": 1 }, "b": 2, "e": 3, "f": 6, "g": 7 }]
    );
    let twice = doc! { "update": "c", "updates": [{ "q": { "a": 1, "$and": [{ "a": 2 }] }, "u": { "$set": { "b": 1 } }, "upsert": true }] };
    assert_eq!(
        store.error(twice),
        (54, "cannot infer query fields to set, path 'a' is matched twice".to_owned())
    );
}

#[test]
fn projections_show_and_compute_fields() {
    let mut store = Store::memory();
    let document = doc! { "_id": 1, "a": 1, "b": { "c": 1, "d": 2 }, "e": [{ "f": 1, "g": 2 }, 5], "h": [1, 2, 3] };
    store.insert("c", vec![document]);
    for (projection, expected) in [
        (doc! { "a": 1 }, doc! { "_id": 1, "a": 1 }),
        (doc! { "_id": 0, "b.c": 1, "e.f": 1 }, doc! { "b": { "c": 1 }, "e": [{ "f": 1 }] }),
        (doc! { "a": 0, "e": 0, "b.c": 0 }, doc! { "_id": 1, "b": { "d": 2 }, "h": [1, 2, 3] }),
        (doc! { "h": { "$slice": [1, 1] }, "a": 1 }, doc! { "_id": 1, "a": 1, "h": [2] }),
        (doc! { "h": { "$elemMatch": { "$gt": 1 } } }, doc! { "_id": 1, "h": [2] }),
        (doc! { "h.$": 1 }, doc! { "_id": 1, "h": [3] }),
        (doc! { "n": { "$add": ["$a", "$b.d"] } }, doc! { "_id": 1, "n": 3 }),
    ] {
        let command = doc! { "find": "c", "filter": { "h": 3 }, "projection": projection.clone() };
        assert_eq!(store.batch(command), [expected], "{projection}");
    }
    let mixed = doc! { "find": "c", "projection": { "a": 1, "b": 0 } };
    assert_eq!(
        store.error(mixed),
        (31254, "Cannot do exclusion on field b in inclusion projection".to_owned())
    );
}

#[test]
fn pipelines_group_unwind_and_compute() {
    let mut store = Store::memory();
    store.insert(
        "c",
        vec![
            doc! { "_id": 1, "city": "oslo", "age": 31, "tags": ["a", "b"] },
            doc! { "_id": 2, "city": "rome", "age": 25, "tags": [] },
            doc! { "_id": 3, "city": "rome", "age": 35.5, "tags": ["b"] },
        ],
    );
    let mut run =
        |stages: Bson| store.batch(doc! { "aggregate": "c", "pipeline": stages, "cursor": {} });
    assert_eq!(
        run(bson!([
            { "$group": { "_id": "$city", "n": { "$sum": 1 }, "mean": { "$avg": "$age" }, "ids": { "$push": "$_id" } } },
            { "$sort": { "_id": -1 } },
        ])),
        [
            doc! { "_id": "rome", "n": 2, "mean": 30.25, "ids": [2, 3] },
            doc! { "_id": "oslo", "n": 1, "mean": 31.0, "ids": [1] },
        ]
    );
    assert_eq!(
        run(bson!([{ "$unwind": "$tags" }, { "$sortByCount": "$tags" }])),
        [doc! { "_id": "b", "count": 2 }, doc! { "_id": "a", "count": 1 }]
    );
    assert_eq!(
        run(bson!([{ "$match": { "age": { "$gt": 30 } } }, { "$count": "n" }])),
        [doc! { "n": 2 }]
    );
    assert_eq!(
        run(
            bson!([{ "$skip": 1 }, { "$limit": 1 }, { "$project": { "_id": 0, "who": { "$toUpper": "$city" } } }])
        ),
        [doc! { "who": "ROME" }]
    );
    assert_eq!(
        run(bson!([{ "$replaceWith": { "t": "$tags" } }, { "$match": { "t": "a" } }])),
        [doc! { "t": ["a", "b"] }]
    );
    assert_eq!(run(bson!([{ "$match": { "_id": 1 } }, { "$out": "copy" }])), []);
    assert_eq!(store.all("copy").len(), 1);
    let unknown = doc! { "aggregate": "c", "pipeline": [{ "$lookup": {} }], "cursor": {} };
    assert_eq!(
        store.error(unknown),
        (40324, "Unrecognized pipeline stage name: '$lookup'".to_owned())
    );
}
