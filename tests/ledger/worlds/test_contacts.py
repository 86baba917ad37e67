"""Contacts come at their rates, cost what they should, and move the hazard of leaving as the settings say."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from patronage.ledger.worlds.block import draw_block, scene_of
from patronage.ledger.worlds.contacts import _joined, drawn_within
from patronage.ledger.worlds.settings import named_world

END = 1096.0


def test_number_of_contacts_is_rate_times_time_there(blocks, z_score):
    scene, block = blocks("retailer")
    customers, log = block.customers, block.contacts
    there = np.minimum(block.leaving, scene.world.all_days) - customers.won
    counts = np.bincount(log.owner, minlength=len(customers))
    # Contacts move the time of leaving, so counts given that time are not Poisson; counts less the rate times the time
    # there have the mean 0 all the same, because the end is not known before it comes.
    assert abs(z_score(counts - customers.contact_rate * there)) < 3


def test_contact_rates_have_the_shape_and_follow_purchase_rates(blocks):
    scene, block = blocks("retailer")
    contacts, customers = scene.world.contacts, block.customers
    mean_rate = scene.world.purchasing.r / scene.world.purchasing.alpha_days
    age = (customers.attributes["age"] - 44) / 13
    own = customers.contact_rate * 365.25 / contacts.rate_yearly
    own /= (customers.rate / mean_rate) ** contacts.follows_rate * np.exp(0.1 * age)
    assert stats.kstest(own, stats.gamma(contacts.shape, scale=1 / contacts.shape).cdf).pvalue > 0.001
    assert abs(stats.spearmanr(own, customers.rate).statistic) < 0.03


def test_kinds_channels_and_scores_have_their_shares(frames):
    contacts = frames("retailer")["contacts"]
    n = len(contacts)
    for name, share in (("complaint", 0.15), ("service", 0.6), ("advice", 0.25)):
        assert (contacts.kind == name).mean() == pytest.approx(share, abs=3 * np.sqrt(share * (1 - share) / n))
    assert contacts.satisfaction.notna().mean() == pytest.approx(0.4, abs=3 * np.sqrt(0.24 / n))
    scores = contacts[(contacts.kind == "service") & contacts.satisfaction.notna()].satisfaction
    observed = scores.value_counts().sort_index()
    assert stats.chisquare(observed, np.array([0.08, 0.12, 0.25, 0.35, 0.2]) * len(scores)).pvalue > 0.001


def test_costs_are_those_of_channel_and_minutes(frames):
    contacts = frames("retailer")["contacts"]
    prices = {"call": (4.0, 1.5), "chat": (2.0, 0.6), "e-mail": (9.0, 0.0), "store": (5.0, 1.2)}
    fixed, by_minute = (contacts.channel.astype(str).map({k: v[i] for k, v in prices.items()}) for i in (0, 1))
    np.testing.assert_allclose(contacts.cost, fixed + by_minute * contacts.duration_minutes, atol=0.0051)
    minutes = contacts[contacts.channel == "call"].duration_minutes
    assert minutes.mean() == pytest.approx(9, abs=3 * minutes.std() / np.sqrt(len(minutes)))


def test_customers_keep_to_their_favourite_channel(blocks):
    scene, block = blocks("retailer")
    log, favourite = block.contacts, block.customers.favourite_contact_channel
    ways = np.array([way.share for way in scene.world.contacts.channels.values()])
    expected = 0.7 + 0.3 * ways[favourite[log.owner]]
    kept = log.channel == favourite[log.owner]
    assert abs(kept.mean() - expected.mean()) < 3 * np.sqrt((expected * (1 - expected)).sum()) / len(kept)


def test_matters_stay_open_as_long_as_the_settings_say(blocks):
    _, block = blocks("retailer")
    log = block.contacts
    opened = log.kind == 2
    assert np.isnan(log.closed[~opened]).all()
    took = (log.closed - log.time)[opened]
    # Joined matters stay open longer, which with so few of them changes the mean by less than the error allowed.
    alone = np.bincount(log.owner[opened], minlength=len(block.customers))[log.owner[opened]] == 1
    assert stats.kstest(took[alone], stats.expon(scale=20.0).cdf).pvalue > 0.001


def test_matters_that_overlap_are_settled_together():
    owner = np.array([0, 0, 0, 0, 1, 1])
    opened = np.array([0.0, 5.0, 8.0, 30.0, 0.0, 4.0])
    closed = np.array([6.0, 7.0, 20.0, 31.0, 9.0, 6.0])
    # 0 is joined by the one opened at 5, which was to close at 7: both do. The second of customer 1 settles both.
    assert _joined(owner, opened, closed).tolist() == [7, 7, 20, 31, 6, 6]
    assert _joined(owner[:0], opened[:0], closed[:0]).tolist() == []


def test_drawn_times_are_uniform_and_ascending_in_their_intervals():
    rng = np.random.default_rng(1)
    counts = rng.poisson(40, 500)
    low = rng.uniform(0, 100, 500)
    interval, time = drawn_within(counts, low, low + 10, rng)
    assert (np.bincount(interval, minlength=500) == counts).all()
    assert (np.diff(time)[np.diff(interval) == 0] >= 0).all()
    assert stats.kstest((time - low[interval]) / 10, "uniform").pvalue > 0.001


def levels_by_hand(block, scene, owner, time):
    """Score, open or not, and effects of campaigns of one customer just before a time, by looking at every fact."""
    contacts, campaigns = scene.contacts, scene.campaigns
    mine = [k for k in contacts[owner] if k[0] < time]
    score = mine[-1][1] if mine else 3
    is_open = any(closed > time for _, _, closed in mine if not np.isnan(closed))
    actions = list(block.customers.rate_effect)
    days = {"voucher": 42, "care_call": 90}
    active = [actions[a] for t, a in campaigns[owner] if t < time <= t + days[actions[a]]]
    rate = sum(block.customers.rate_effect[name][owner] for name in active)
    keep = sum(block.customers.dropout_effect[name][owner] for name in active)
    return 0.5 * (3 - score), 1.2 * is_open, keep, rate


class Facts:
    """Contacts and treatments by customer, in plain lists."""

    def __init__(self, block, n):
        self.contacts = [[] for _ in range(n)]
        self.campaigns = [[] for _ in range(n)]
        log = block.contacts
        for owner, time, score, closed in zip(log.owner, log.time, log.score, log.closed, strict=True):
            self.contacts[owner].append((time, score, closed))
        log = block.campaigns
        for owner, time, action, treated in zip(log.owner, log.time, log.action, log.treated, strict=True):
            if treated:
                self.campaigns[owner].append((time, action))


def test_course_of_customers_is_that_of_their_facts(retailer):
    # Nobody leaves here, so that the facts are complete.
    world = replace(retailer, purchasing=replace(retailer.purchasing, beta_days=1e12))
    block = draw_block(scene_of(world, 4), 0, 0, 300)
    facts, course = Facts(block, 300), block.course
    rng = np.random.default_rng(2)
    owner = rng.integers(0, 300, 3000)
    time = rng.uniform(block.customers.won[owner], world.all_days)
    at = course.at(owner, time, world.all_days + 1.0)
    assert (course.owner[at] == owner).all()
    assert ((course.start[at] <= time) & (time <= course.end[at])).all()
    found = np.array([course.satisfaction[at], course.complaint[at], course.campaign[at], course.log_rate[at]]).T
    by_hand = np.array([levels_by_hand(block, facts, o, t) for o, t in zip(owner, time, strict=True)])
    np.testing.assert_allclose(found, by_hand, atol=1e-9)
    assert (np.abs(by_hand).max(axis=0) > 0.1).all()


@pytest.mark.parametrize("kind", ["pareto_nbd", "bg_nbd"])
def test_leaving_follows_satisfaction_and_open_matters(retailer, kind):
    """Leavers less the integral of the hazard that the settings state has the mean 0, in every state."""
    world = retailer
    if kind == "bg_nbd":
        world = replace(world, purchasing=named_world("bg").purchasing, season=None)
    block = draw_block(scene_of(world, 8), 0, 0, 30_000)
    course, customers = block.course, block.customers
    end = np.minimum(course.end, block.leaving[course.owner])
    lived = np.maximum(end - course.start, 0)
    own = customers.hazard[course.owner] * np.exp(course.satisfaction + course.complaint + course.campaign)
    if kind == "bg_nbd":
        own = customers.rate[course.owner] * np.exp(course.log_rate) * -np.expm1(-own)
    strain = own * lived
    left = (block.leaving[course.owner] > course.start) & (block.leaving[course.owner] <= course.end)
    assert left.sum() == np.isfinite(block.leaving).sum()
    states = [np.round(2 * course.satisfaction).astype(int) == k for k in (-2, -1, 0, 1, 2)]
    states += [course.complaint > 1, course.complaint < 0.1, course.campaign != 0]
    for state in states:
        leavers, expected = left[state].sum(), strain[state].sum()
        assert leavers > 50
        # The variance of the difference is the expectation itself.
        assert abs(leavers - expected) < 3.5 * np.sqrt(expected)


def test_bad_experience_drives_customers_away(frames):
    """Of those who are there at the end, more leave later after a bad last contact than after a good one."""
    truth = frames("subscription")["truth"]
    there = truth[truth.alive == 1]
    leaves = there.left_at.notna()
    bad, good = leaves[there.score == 1], leaves[there.score == 5]
    assert bad.mean() - good.mean() > 3 * np.hypot(bad.std() / np.sqrt(len(bad)), good.std() / np.sqrt(len(good)))
