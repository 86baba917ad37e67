"""One block of customers, from the first draw to everything they do: what the files and the truth are made of."""

from dataclasses import dataclass

from patronage.ledger.worlds.activity import Activity, activity_of
from patronage.ledger.worlds.campaigns import CampaignLog, draw_campaigns
from patronage.ledger.worlds.catalogue import Products, products_of
from patronage.ledger.worlds.contacts import ContactLog, draw_contacts
from patronage.ledger.worlds.contracts import draw_contracts
from patronage.ledger.worlds.course import Course, course_of
from patronage.ledger.worlds.customers import Customers, draw_customers
from patronage.ledger.worlds.orders import Lines, draw_lines, draw_refunds
from patronage.ledger.worlds.purchasing import draw_leaving, draw_purchases
from patronage.ledger.worlds.settings import World
from patronage.runtime.histories import FloatArray, IndexArray


@dataclass(frozen=True)
class Scene:
    """What all blocks of a world share.

    Attributes
    ----------
    world : World
    seed : int
    activity : Activity
    products : Products or None
    contact_cost_factor : float
        What multiplies the costs of contact channels, so that profit is as unequal as the world wants it.
    """

    world: World
    seed: int
    activity: Activity
    products: Products | None
    contact_cost_factor: float = 1.0


@dataclass(frozen=True)
class Block:
    """Customers and all that they do until the world ends.

    Attributes
    ----------
    customers : Customers
    course : Course
        As if nobody left.
    leaving : ndarray
        When each customer leaves, in days from the start; infinite if not before the world ends.
    order_owner, order_time : ndarray
        Orders, in order of customer and time.
    lines, refunds : Lines
        What was bought, in order of customer and time; what comes back of it, some of it after the world's end.
    contacts : ContactLog or None
        Of customers who had not left.
    campaigns : CampaignLog or None
    """

    customers: Customers
    course: Course
    leaving: FloatArray
    order_owner: IndexArray
    order_time: FloatArray
    lines: Lines
    refunds: Lines
    contacts: ContactLog | None
    campaigns: CampaignLog | None


def scene_of(world: World, seed: int, contact_cost_factor: float = 1.0) -> Scene:
    """Prepare what all blocks share."""
    products = products_of(world.catalogue, seed) if world.catalogue is not None else None
    return Scene(world, seed, activity_of(world), products, contact_cost_factor)


def draw_block(scene: Scene, block: int, first: int, n: int) -> Block:
    """Draw a block.

    Parameters
    ----------
    scene : Scene
    block : int
        Which random numbers to use.
    first, n : int
        Number of the first customer in the world, and how many.
    """
    world, seed = scene.world, scene.seed
    customers = draw_customers(world, scene.products, seed, block, first, n)
    contacts = draw_contacts(world, customers, seed, block) if world.contacts is not None else None
    campaigns = draw_campaigns(world, customers, seed, block) if world.campaigns else None
    course = course_of(world, customers, contacts, campaigns)
    if world.contract is not None:
        leaving, owner, time = draw_contracts(world, customers, course, seed, block)
    else:
        leaving = draw_leaving(world, scene.activity, customers, course, seed, block)
        owner, time = draw_purchases(world, scene.activity, customers, course, leaving, seed, block)
    lines = draw_lines(world, scene.products, customers, owner, time, seed, block)
    refunds = draw_refunds(world, customers, lines, seed, block) if world.refunds is not None else lines.take(owner[:0])
    if contacts is not None:
        contacts = contacts.before(leaving)
    return Block(customers, course, leaving, owner, time, lines, refunds, contacts, campaigns)
